from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "trialmgr.people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from trialmgr.people import checks, signins

        checks.register()
        signins.connect()
