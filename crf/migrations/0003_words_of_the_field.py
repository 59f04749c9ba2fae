"""A freeze ends with an unfreezing, and a query raised by an edit check keeps what the check says in each language."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("crf", "0002_files_and_row_keys"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="freeze", name="one_standing_freeze"),
        migrations.RemoveConstraint(model_name="freeze", name="thaw_has_who_and_when"),
        migrations.RenameField(model_name="freeze", old_name="thawed_at", new_name="unfrozen_at"),
        migrations.RenameField(model_name="freeze", old_name="thawed_by", new_name="unfrozen_by"),
        migrations.RenameField(model_name="historicalfreeze", old_name="thawed_at", new_name="unfrozen_at"),
        migrations.RenameField(model_name="historicalfreeze", old_name="thawed_by", new_name="unfrozen_by"),
        migrations.AlterField(
            model_name="freeze",
            name="unfrozen_at",
            field=models.DateTimeField(null=True, verbose_name="unfrozen at"),
        ),
        migrations.AlterField(
            model_name="freeze",
            name="unfrozen_by",
            field=models.CharField(blank=True, max_length=150, verbose_name="unfrozen by"),
        ),
        migrations.AlterField(
            model_name="historicalfreeze",
            name="unfrozen_at",
            field=models.DateTimeField(null=True, verbose_name="unfrozen at"),
        ),
        migrations.AlterField(
            model_name="historicalfreeze",
            name="unfrozen_by",
            field=models.CharField(blank=True, max_length=150, verbose_name="unfrozen by"),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.UniqueConstraint(
                condition=models.Q(("unfrozen_at", None)), fields=("participant",), name="one_standing_freeze"
            ),
        ),
        migrations.AddConstraint(
            model_name="freeze",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("unfrozen_at", None), ("unfrozen_by", "")),
                    models.Q(("unfrozen_at__isnull", False), models.Q(("unfrozen_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="unfreezing_has_who_and_when",
            ),
        ),
        migrations.AddField(
            model_name="querymessage",
            name="check_texts",
            field=models.JSONField(default=dict, verbose_name="text of the edit check"),
        ),
        migrations.AddField(
            model_name="historicalquerymessage",
            name="check_texts",
            field=models.JSONField(default=dict, verbose_name="text of the edit check"),
        ),
    ]
