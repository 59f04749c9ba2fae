"""What ``audit verify`` can prove of the versions of the study."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from trialmgr.studies.models import StudyApproval


def approval_faults() -> Iterator[str]:
    """Each approval names the proposer that its version names: on that rests the rule of the second person."""
    wrong = StudyApproval.objects.exclude(proposer_id=F("version__proposer_id")).select_related("version")
    for approval in wrong.order_by("version__number"):
        yield (
            f"study version {approval.version.number} is approved as if somebody else than its proposer had proposed it"
        )
