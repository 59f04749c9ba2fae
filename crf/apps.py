from django.apps import AppConfig


class CrfConfig(AppConfig):
    name = "crf"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.verification import register
        from crf.replay import entry_faults

        register("form entries", entry_faults)
