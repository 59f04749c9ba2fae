from django.apps import AppConfig
from django.db.models.signals import post_migrate
from simple_history.signals import pre_create_historical_record


class AuditConfig(AppConfig):
    name = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import models, triggers

        # Not in migrations: SQLite drops a table's triggers whenever a later migration rebuilds the table.
        post_migrate.connect(triggers.install_after_migrate, sender=self, dispatch_uid="audit.triggers")
        pre_create_historical_record.connect(models.stamp_history_row, dispatch_uid="audit.history")
