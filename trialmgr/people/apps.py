from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "trialmgr.people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.urls import register_converter

        from trialmgr.people import checks, signins
        from trialmgr.people.converters import NameConverter

        register_converter(NameConverter, "name")
        checks.register()
        signins.connect()
