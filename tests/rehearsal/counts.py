"""What stands in the database, counted by itself: ``python -m tests.rehearsal.counts``."""

from __future__ import annotations

import json

import django

django.setup()

from audit.models import LedgerEntry  # noqa: E402  Django is set up first
from crf.models import FormEntry, Query, Signature, Visit  # noqa: E402
from randomization.models import Allocation  # noqa: E402
from trialmgr.participants.models import Consent, Participant  # noqa: E402
from trialmgr.studies.models import StudyLock  # noqa: E402
from trialmgr.studies.queries import current_definition  # noqa: E402


def counts() -> dict[str, int]:
    """Name of a file of the release -> rows it must have."""
    lock = StudyLock.objects.get()
    told = {
        "participants": Participant.objects.count(),
        "consents": Consent.objects.count(),
        "allocation": Allocation.objects.count(),
        "visits": Visit.objects.count(),
        "queries": Query.objects.count(),
        "signatures": Signature.objects.count(),
        "audit_trail": LedgerEntry.objects.filter(seq__lte=lock.ledger_seq).count(),
    }
    forms = {
        f"form_{form.key}": FormEntry.objects.filter(form_key=form.key).count() for form in current_definition().forms
    }
    return told | forms


if __name__ == "__main__":
    print(json.dumps(counts()))
