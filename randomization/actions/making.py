from __future__ import annotations

import hashlib
import itertools

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.acts import ActionRefused, action, record
from randomization import lists, policies, sealing
from randomization.definition import design_of, levels_of
from randomization.designs import Design
from randomization.models import ListPurpose, ListRow, ListStatus, RandomizationList, Stratum
from randomization.words import ALGORITHM
from trialmgr.people.models import User
from trialmgr.protocol.model import StratificationFactor, StudyDefinition
from trialmgr.studies.queries import current_definition


@action("list.made", permission="lists.make")
def make_list(*, by: User, rehearsal_seed: str | None = None) -> RandomizationList:
    """Make and seal the list of the study definition in force; nobody sees a row of it.

    The secret comes from the operating system. ``rehearsal_seed`` is for a demo installation alone: it gives the same
    rehearsal list again, with a purpose of its own that no live installation allocates from.
    """
    definition = current_definition()
    purpose = policies.purpose_here()
    secret = _secret(purpose, rehearsal_seed)
    newest = RandomizationList.objects.order_by("number").last()
    number = newest.number + 1 if newest else 1
    design, lengths = design_of(definition), _lengths(definition)
    made_at = timezone.now()
    manifest = lists.make_manifest(
        design,
        secret=secret,
        trial_id=definition.id,
        purpose=purpose.value,
        lengths=lengths,
        made_by=by.actor_name,
        made_at=made_at,
    )
    key = sealing.load_key(settings.TRIALMGR_LIST_KEY)
    listed = RandomizationList(
        number=number,
        purpose=purpose.value,
        status=ListStatus.MADE.value,
        algorithm=ALGORITHM,
        design=design.parameters(),
        factors={factor.key: factor.source for factor in _factors(definition)},
        commitment=manifest["commitment"],
        manifest=manifest,
        sealed_secret=sealing.seal_secret(key, str(number), secret),
        made_at=made_at,
        made_by=by,
    )
    listed.save()
    for stratum_key, length in lengths.items():
        _make_stratum(listed, design, stratum_key, length, secret, key, definition.id)
    _note(listed, new=listed.commitment, detail={"manifest": lists.manifest_hash(manifest), "rows": manifest["rows"]})
    return listed


@action("list.activated", permission="lists.activate")
def activate_list(*, by: User, listed: RandomizationList) -> RandomizationList:
    """A second person puts the list in force; the one in force before, if any, is closed, not deleted."""
    policies.check_second_person(listed, by)
    for active in RandomizationList.objects.filter(status=ListStatus.ACTIVE.value):
        active.status = ListStatus.CLOSED.value
        active.save()
        _note(active, action="list.closed", old="active", new="closed")
    listed.status = ListStatus.ACTIVE.value
    listed.activated_at, listed.activated_by = timezone.now(), by
    listed.save()
    _note(listed, old="made", new="active")
    return listed


def _secret(purpose: ListPurpose, rehearsal_seed: str | None) -> bytes:
    if rehearsal_seed is None:
        return sealing.new_secret()
    if purpose is ListPurpose.LIVE:
        raise ActionRefused(_("A live list takes its secret from the operating system alone."))
    return hashlib.sha256(f"rehearsal {rehearsal_seed}".encode()).digest()


def _factors(definition: StudyDefinition) -> tuple[StratificationFactor, ...]:
    return definition.randomization.factors if definition.randomization else ()


def _lengths(definition: StudyDefinition) -> dict[str, int]:
    """Rows of each stratum: every combination of the factors' levels."""
    factors = _factors(definition)
    length = definition.randomization.length_per_stratum if definition.randomization else 0
    levels = [levels_of(definition, factor) for factor in factors]
    keys = [factor.key for factor in factors]
    return {
        lists.canonical_stratum_key(dict(zip(keys, combination, strict=True))): length
        for combination in itertools.product(*levels)
    }


def _make_stratum(
    listed: RandomizationList, design: Design, stratum_key: str, length: int, secret: bytes, key: bytes, trial_id: str
) -> None:
    stratum = Stratum(list=listed, key=stratum_key, length=length)
    stratum.save()
    rows = lists.make_rows(
        design, secret=secret, trial_id=trial_id, purpose=listed.purpose, stratum_key=stratum_key, count=length
    )
    ListRow.objects.bulk_create(
        (
            ListRow(
                stratum=stratum,
                position=row.position,
                sealed=sealing.seal(key, str(listed.number), stratum_key, row.position, row.arm),
            )
            for row in rows
        ),
        batch_size=500,
    )


def _note(listed: RandomizationList, **fields: object) -> None:
    record(object_type="list", object_id=str(listed.number), **fields)
