from django.apps import AppConfig


class CrfConfig(AppConfig):
    name = "crf"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit.verification import register
        from crf.actions.drafts import expire_dead_drafts
        from crf.actions.participation import settle_visits
        from crf.faults import casebook_faults, entry_faults, query_faults
        from trialmgr.participants.actions import follow_consents_with
        from trialmgr.people.actions import follow_roles_with

        follow_consents_with(settle_visits)
        follow_roles_with(expire_dead_drafts)
        register("form entries", entry_faults)
        register("queries", query_faults)
        register("casebooks", lambda: (str(fault) for fault in casebook_faults()))
