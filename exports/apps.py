from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class ExportsConfig(AppConfig):
    name = "exports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import verification
        from exports import lock_triggers

        pre_migrate.connect(lock_triggers.remove_before_migrate, sender=self, dispatch_uid="exports.no_lock_triggers")
        post_migrate.connect(lock_triggers.install_after_migrate, sender=self, dispatch_uid="exports.lock_triggers")
        verification.register("lock triggers", lock_triggers.faults)
