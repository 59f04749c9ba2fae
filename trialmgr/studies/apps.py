from django.apps import AppConfig


class StudiesConfig(AppConfig):
    name = "trialmgr.studies"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import verification
        from audit.actions import refuse_when, surround_with
        from trialmgr.studies.policies import check_not_locked
        from trialmgr.studies.queries import one_version
        from trialmgr.studies.verification import approval_faults

        verification.register("study versions", approval_faults)
        refuse_when(check_not_locked)
        surround_with(one_version)
