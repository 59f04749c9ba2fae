"""Versions that were in force before approvals existed stay in force: as part of the act that published them."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

BEFORE = "before approvals"


def approve(apps: Apps, _schema_editor: Any) -> None:
    version: Any
    version_history = apps.get_model("studies", "HistoricalStudyVersion")
    for version in apps.get_model("studies", "StudyVersion").objects.order_by("number"):
        was = version_history.objects.filter(id=version.pk, history_type="+").order_by("history_id").first()
        approval = _write(
            apps,
            "StudyApproval",
            was,
            version_id=version.pk,
            proposer_id=version.proposer_id,
            approver_id=BEFORE,
            approved_by=BEFORE,
            approved_at=version.proposed_at,
        )
        _write(
            apps,
            "StudyActivation",
            was,
            approval_id=approval.pk,
            site="",
            effective_from=version.effective_from,
            activated_by=BEFORE,
            activated_at=version.proposed_at,
        )


def _write(apps: Apps, name: str, was: Any, **values: Any) -> Any:
    """The row, and its history in the act of ``was``, by which ``audit verify`` holds it."""
    row = apps.get_model("studies", name).objects.create(**values)
    apps.get_model("studies", f"Historical{name}").objects.create(
        id=row.pk,
        act=was.act if was else "",
        history_user_id=was.history_user_id if was else None,
        history_date=was.history_date if was else values.get("approved_at", values.get("activated_at")),
        history_type="+",
        **values,
    )
    return row


class Migration(migrations.Migration):
    dependencies = [
        ("studies", "0002_approvals"),
    ]

    operations = [
        migrations.RunPython(approve, migrations.RunPython.noop),
    ]
