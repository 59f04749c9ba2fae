import django.db.models.deletion
import simple_history.models
from django.db import migrations, models

RENAMED = [
    operation
    for model in ("studyversion", "historicalstudyversion")
    for operation in (
        migrations.RenameField(model, "published_by", "proposed_by"),
        migrations.RenameField(model, "published_at", "proposed_at"),
        migrations.AlterField(model, "proposed_by", models.CharField(max_length=150, verbose_name="proposed by")),
        migrations.AlterField(model, "proposed_at", models.DateTimeField(verbose_name="proposed at")),
    )
]


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0001_initial"),
    ]

    operations = [
        *RENAMED,
        migrations.AddField(
            model_name="historicalstudyversion",
            name="proposer_id",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="historicalstudyversion",
            name="reason",
            field=models.TextField(blank=True, default="", verbose_name="reason"),
        ),
        migrations.AddField(
            model_name="studyversion",
            name="proposer_id",
            field=models.CharField(blank=True, default="", max_length=40),
        ),
        migrations.AddField(
            model_name="studyversion",
            name="reason",
            field=models.TextField(blank=True, default="", verbose_name="reason"),
        ),
        migrations.CreateModel(
            name="HistoricalStudyApproval",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("act", models.CharField(blank=True, db_index=True, max_length=32)),
                ("history_user_id", models.CharField(max_length=40, null=True)),
                ("proposer_id", models.CharField(blank=True, default="", max_length=40)),
                ("approver_id", models.CharField(max_length=40)),
                ("approved_by", models.CharField(max_length=150, verbose_name="approved by")),
                ("approved_at", models.DateTimeField(verbose_name="approved at")),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "version",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="studies.studyversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical approval of a study version",
                "verbose_name_plural": "historical approval of a study versions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="StudyApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("proposer_id", models.CharField(blank=True, default="", max_length=40)),
                ("approver_id", models.CharField(max_length=40)),
                ("approved_by", models.CharField(max_length=150, verbose_name="approved by")),
                ("approved_at", models.DateTimeField(verbose_name="approved at")),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="approval", to="studies.studyversion"
                    ),
                ),
            ],
            options={
                "verbose_name": "approval of a study version",
                "ordering": ["version"],
            },
        ),
        migrations.CreateModel(
            name="StudyActivation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("site", models.CharField(blank=True, max_length=8, verbose_name="site")),
                ("effective_from", models.DateField(verbose_name="in force from")),
                ("activated_by", models.CharField(max_length=150, verbose_name="put in force by")),
                ("activated_at", models.DateTimeField(verbose_name="put in force at")),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="activations",
                        to="studies.studyapproval",
                    ),
                ),
            ],
            options={
                "verbose_name": "day of effect of a study version",
                "ordering": ["approval", "site"],
            },
        ),
        migrations.CreateModel(
            name="HistoricalStudyActivation",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("act", models.CharField(blank=True, db_index=True, max_length=32)),
                ("history_user_id", models.CharField(max_length=40, null=True)),
                ("site", models.CharField(blank=True, max_length=8, verbose_name="site")),
                ("effective_from", models.DateField(verbose_name="in force from")),
                ("activated_by", models.CharField(max_length=150, verbose_name="put in force by")),
                ("activated_at", models.DateTimeField(verbose_name="put in force at")),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.CharField(max_length=100, null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "approval",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="studies.studyapproval",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical day of effect of a study version",
                "verbose_name_plural": "historical day of effect of a study versions",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddConstraint(
            model_name="studyapproval",
            constraint=models.CheckConstraint(
                condition=models.Q(("proposer_id", models.F("approver_id")), _negated=True),
                name="study_approved_by_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="studyactivation",
            constraint=models.UniqueConstraint(fields=("approval", "site"), name="one_day_of_effect_a_site"),
        ),
    ]
