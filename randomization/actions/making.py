from __future__ import annotations

import hashlib

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused
from randomization import policies
from randomization.actions.keeping import keep_list, note
from randomization.methods.definition import design_of, lengths_of, reserved_places, sources_of
from randomization.methods.designs import Minimisation
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import Stream, generated_rows, make_manifest
from randomization.models import ListPurpose, ListStatus, RandomizationList
from randomization.queries import secret_of
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@action("list.made", permission="lists.make")
def make_list(*, by: User, rehearsal_seed: str | None = None) -> RandomizationList:
    """Make and seal the list of the study definition in force; nobody sees a row of it.

    The secret comes from the operating system. ``rehearsal_seed`` is for a demo installation alone: it gives the same
    rehearsal list again, with a purpose of its own that no live installation allocates from. Under minimisation there
    are no rows yet: the list is its secret and its design.
    """
    definition, purpose = current_definition(), policies.purpose_here()
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


@action("list.activated", permission="lists.activate")
def activate_list(*, by: User, listed: RandomizationList) -> RandomizationList:
    """A second person puts the list in force; the one in force before, if any, is closed, not deleted.

    Raises SealBroken when the list does not open with the key of this installation: nobody could be allocated from it.
    """
    policies.check_second_person(listed, by)
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


def _secret(purpose: ListPurpose, rehearsal_seed: str | None) -> bytes:
    if rehearsal_seed is None:
        return sealing.new_secret()
    if purpose is ListPurpose.LIVE:
        raise ActionRefused(_("A live list takes its secret from the operating system alone."))
    return hashlib.sha256(f"rehearsal {rehearsal_seed}".encode()).digest()
