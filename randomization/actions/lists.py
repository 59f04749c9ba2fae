"""Lists: made here or imported, sealed as they enter the database, put in force, closed, and revealed at the end."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC
from pathlib import Path

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from audit.folders import Draft, check_free, drafted
from audit.models import LedgerEntry
from randomization.methods.definition import design_of, lengths_of, ratio_of, reserved_places, sources_of, strata_of
from randomization.methods.designs import Minimisation
from randomization.methods.lists import sealing
from randomization.methods.lists.imports import imported_list, text_of
from randomization.methods.lists.reveal import Revealed, RevealedAllocation, texts
from randomization.methods.lists.rows import (
    Listed,
    Manifest,
    Places,
    Row,
    Stream,
    generated_rows,
    imported_manifest,
    make_manifest,
    manifest_hash,
)
from randomization.methods.lists.verification import rows_of
from randomization.methods.words import ALGORITHM
from randomization.models import ListOrigin, ListPurpose, ListRow, ListStatus, RandomizationList, Stratum
from randomization.policies.lists import check_revealable, check_second_person, purpose_here
from randomization.queries.lists import allocations_from, manifests_of, opened_rows, secret_of
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@action("list.made", permission="lists.make", makes=itself)
def make_list(*, by: User, rehearsal_seed: str | None = None) -> RandomizationList:
    """Make and seal the list of the study definition in force; nobody sees a row of it.

    The secret comes from the operating system. ``rehearsal_seed`` is for a demo installation alone: it gives the same
    rehearsal list again, with a purpose of its own that no live installation allocates from. Under minimisation there
    are no rows yet: the list is its secret and its design.
    """
    definition, purpose = current_definition(), purpose_here()
    design, lengths = design_of(definition), lengths_of(definition)
    reserved = reserved_places(definition, lengths)
    stream = Stream(secret=_secret(purpose, rehearsal_seed), trial_id=definition.id, purpose=purpose.value)
    made_beforehand = {} if isinstance(design, Minimisation) else lengths
    manifest = make_manifest(
        design,
        lengths=made_beforehand,
        reserved=reserved,
        made_by=by.actor_name,
        made_at=timezone.now(),
        **stream,
    )
    return keep_list(
        by=by,
        manifest=manifest,
        factors=sources_of(definition),
        secret=stream["secret"],
        lengths=lengths,
        rows=generated_rows(design, made_beforehand, **stream),
        reserved=reserved,
    )


def _secret(purpose: ListPurpose, rehearsal_seed: str | None) -> bytes:
    if rehearsal_seed is None:
        return sealing.new_secret()
    if purpose is ListPurpose.LIVE:
        raise ActionRefused(_("A live list takes its secret from the operating system alone."))
    return hashlib.sha256(f"rehearsal {rehearsal_seed}".encode()).digest()


@action("list.imported", permission="lists.make", makes=itself)
def import_list(*, by: User, file: bytes) -> RandomizationList:
    """Seal the list that an independent statistician made: ``file`` is CSV as ``methods.lists.imports`` reads it.

    Block numbers serve the checks and are not kept. Nothing of the file itself is kept but a keyed hash. Raises
    ActionRefused, and DesignRefused with every fault and its row.
    """
    definition, purpose = current_definition(), purpose_here()
    if isinstance(design_of(definition), Minimisation):
        raise ActionRefused(_("Minimisation makes no list beforehand, so none can be imported."))
    imported = imported_list(text_of(file), ratio=ratio_of(definition), strata=strata_of(definition))
    rows = {key: [Row(row.position, 0, row.arm) for row in listed] for key, listed in imported.strata.items()}
    lengths = {key: len(listed) for key, listed in rows.items()}
    reserved, secret = reserved_places(definition, lengths), sealing.new_secret()
    manifest = imported_manifest(
        rows,
        ratio=ratio_of(definition),
        file=file,
        secret=secret,
        trial_id=definition.id,
        purpose=purpose.value,
        reserved=reserved,
        made_by=by.actor_name,
        made_at=timezone.now(),
    )
    return keep_list(
        by=by,
        manifest=manifest,
        factors=sources_of(definition),
        secret=secret,
        lengths=lengths,
        rows=rows,
        reserved=reserved,
    )


def keep_list(
    *,
    by: User,
    manifest: Manifest,
    factors: Mapping[str, str],
    secret: bytes,
    lengths: Mapping[str, int],
    rows: Listed,
    reserved: Mapping[str, Places],
) -> RandomizationList:
    """A list just made, not yet in force. ``lengths``: of every stratum, also of one whose rows are made later."""
    newest = RandomizationList.objects.order_by("number").last()
    number = newest.number + 1 if newest else 1
    listed = RandomizationList(
        number=number,
        purpose=manifest["purpose"],
        status=ListStatus.MADE.value,
        origin=ListOrigin(manifest["origin"]).value,
        algorithm=ALGORITHM,
        design=manifest["parameters"],
        factors=dict(factors),
        commitment=manifest["commitment"],
        manifest=manifest,
        sealed_secret=sealing.seal_secret(sealing_key(), str(number), secret),
        made_at=datetime.datetime.fromisoformat(manifest["made_at"]),
        made_by=by,
    )
    listed.save()
    for key, length in lengths.items():
        first, last = reserved.get(key, (None, None))
        stratum = Stratum(list=listed, key=key, length=length, reserved_from=first, reserved_to=last)
        stratum.save()
        keep_rows(listed, stratum, rows.get(key, ()))
    note(listed, new=listed.commitment, detail={"manifest": manifest_hash(manifest), "rows": manifest["rows"]})
    return listed


def keep_rows(listed: RandomizationList, stratum: Stratum, rows: Iterable[Row]) -> None:
    key = sealing_key()
    ListRow.objects.bulk_create(
        (
            ListRow(
                stratum=stratum,
                position=row.position,
                sealed=sealing.seal(key, str(listed.number), stratum.key, row.position, row.arm),
            )
            for row in rows
        ),
        batch_size=500,
    )


def sealing_key() -> bytes:
    """Raises KeyUnusable, which names the setting."""
    return sealing.load_key(settings.TRIALMGR_LIST_KEY)


def note(listed: RandomizationList, **fields: object) -> None:
    record(object_type="list", object_id=str(listed.number), **fields)


@action("list.activated", permission="lists.activate")
def activate_list(*, by: User, listed: RandomizationList) -> RandomizationList:
    """A second person puts the list in force; the one in force before, if any, is closed, not deleted.

    Raises SealBroken when the list does not open with the key of this installation: nobody could be allocated from it.
    """
    check_second_person(listed, by)
    secret_of(listed)
    for active in RandomizationList.objects.filter(status=ListStatus.ACTIVE.value):
        close(active)
    listed.status = ListStatus.ACTIVE.value
    listed.activated_at, listed.activated_by = timezone.now(), by
    listed.save()
    note(listed, old="made", new="active")
    return listed


def close(listed: RandomizationList) -> None:
    """Nobody is allocated from this list any more; it stays as it is."""
    listed.status = ListStatus.CLOSED.value
    listed.save()
    note(listed, action="list.closed", old="active", new="closed")


def reveal_list(*, by: User, listed: RandomizationList, out: Path) -> dict[str, str]:
    """Write everything with which anybody can check the list into ``out``; file name -> SHA-256.

    After the study lock only. A list in force is closed by it: who knows the secret knows every arm to come. Raises
    ActionRefused: not locked, folder not free or not writable; PermissionDenied; SealBroken.
    """
    by.check_may("lists.make")
    check_revealable(by)
    check_free(out)
    with drafted(out.absolute().parent) as draft:
        return _reveal(by=by, listed=listed, draft=draft, out=out)


@action("list.revealed", permission="lists.make", works_when_locked=True)
def _reveal(*, by: User, listed: RandomizationList, draft: Draft, out: Path) -> dict[str, str]:
    check_revealable(by)
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
