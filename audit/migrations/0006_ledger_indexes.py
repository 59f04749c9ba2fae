"""Indexes in the order of the trail, in place of those on one column, each of which PostgreSQL made twice."""

from typing import Any

from django.db import migrations, models

TABLE = "audit_ledgerentry"
ALTERED = {
    "act": models.CharField(max_length=32),
    "action": models.CharField(max_length=60, verbose_name="act"),
    "actor_id": models.CharField(max_length=40),
    "participant": models.CharField(blank=True, max_length=30, verbose_name="participant"),
    "site": models.CharField(blank=True, max_length=8, verbose_name="site"),
}


def drop_single_indexes(apps: Any, schema_editor: Any) -> None:
    """By what they are: SQLite would copy the whole table for each."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, TABLE)
    for name, made in found.items():
        if made["index"] and not made["unique"] and made["columns"] in [[column] for column in ALTERED]:
            schema_editor.execute(
                schema_editor.sql_delete_index % {"table": TABLE, "name": schema_editor.quote_name(name)}
            )


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_once_keys")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_single_indexes, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(model_name="ledgerentry", name=name, field=field)
                for name, field in ALTERED.items()
            ],
        ),
        *(
            migrations.AddIndex(model_name="ledgerentry", index=models.Index(fields=[column], name=f"ledger_{column}"))
            for column in ("act", "at", "participant")
        ),
        *(
            migrations.AddIndex(
                model_name="ledgerentry", index=models.Index(column, models.F("seq") / models.Value(1024), name=name)
            )
            for column, name in (
                ("actor_id", "ledger_actor"),
                ("action", "ledger_action"),
                ("site", "ledger_site"),
                ("form", "ledger_form"),
            )
        ),
    ]
