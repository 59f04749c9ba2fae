from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path

from audit.actions import action
from audit.folders import Draft, check_free, drafted
from audit.models import LedgerEntry
from randomization import policies
from randomization.actions.keeping import note
from randomization.actions.making import close
from randomization.methods.designs import Minimisation
from randomization.methods.lists.reveal import Revealed, RevealedAllocation, texts
from randomization.methods.lists.rows import Listed
from randomization.methods.lists.verification import rows_of
from randomization.models import ListOrigin, ListStatus, RandomizationList
from randomization.queries import allocations_from, manifests_of, opened_rows, secret_of
from trialmgr.people.models import User


def reveal_list(*, by: User, listed: RandomizationList, out: Path) -> dict[str, str]:
    """Write everything with which anybody can check the list into ``out``; file name -> SHA-256.

    After the study lock only. A list in force is closed by it: who knows the secret knows every arm to come. Raises
    ActionRefused: not locked, folder not free or not writable; PermissionDenied; SealBroken.
    """
    by.check_may("lists.make")
    policies.check_revealable(by)
    check_free(out)
    with drafted(out.absolute().parent) as draft:
        return _reveal(by=by, listed=listed, draft=draft, out=out)


@action("list.revealed", permission="lists.make", works_when_locked=True)
def _reveal(*, by: User, listed: RandomizationList, draft: Draft, out: Path) -> dict[str, str]:
    policies.check_revealable(by)
    listed = RandomizationList.objects.select_for_update().get(pk=listed.pk)
    files = texts(_revealed(listed))
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    if listed.status == ListStatus.ACTIVE:
        close(listed)
    note(listed, new="revealed")
    # Of few allocations all contents could be tried against their hash.
    note(listed, item="files", detail=hashes, restricted=True)
    _write(draft.folder, files)
    draft.move_to(out)
    return hashes


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")


def _revealed(listed: RandomizationList) -> Revealed:
    entered = LedgerEntry.objects.filter(action__in=("list.made", "list.imported"), object_id=str(listed.number))
    allocations = [
        RevealedAllocation(
            stratum=each.row.stratum.key,
            position=each.row.position,
            arm=each.arm,
            participant=each.participant.number,
            at=each.allocated_at.astimezone(UTC).isoformat(timespec="seconds"),
            log=each.log,
        )
        for each in allocations_from(listed)
    ]
    manifests, secret = manifests_of(listed), secret_of(listed)
    return Revealed(
        number=listed.number,
        secret=secret,
        manifests=manifests,
        rows=_rows(listed, secret),
        allocations=allocations,
        entry=entered.earliest("seq").seq,
    )


def _rows(listed: RandomizationList, secret: bytes) -> Listed | None:
    if listed.design["method"] == Minimisation.method:
        return None
    return opened_rows(listed) if listed.origin == ListOrigin.IMPORTED else rows_of(manifests_of(listed)[-1], secret)
