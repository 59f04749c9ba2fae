from django.apps import AppConfig


class ParticipantsConfig(AppConfig):
    name = "trialmgr.participants"
    default_auto_field = "django.db.models.BigAutoField"
