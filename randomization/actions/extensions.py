"""Extensions: a list made longer, and strata that are new in the study."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from audit.actions import action, itself
from randomization.actions.lists import keep_rows, note
from randomization.methods.definition import reserved_places
from randomization.methods.designs import Minimisation
from randomization.methods.lists.extensions import extended_design, extended_lengths
from randomization.methods.lists.rows import Manifest, Places, Stream, generated_rows, make_manifest, manifest_hash
from randomization.methods.lists.verification import reserved_in
from randomization.models import ListExtension, RandomizationList, Stratum
from randomization.policies.extensions import check_extendable, check_second_person_extends
from randomization.queries.lists import manifest_in_force, secret_of
from trialmgr.people.models import User
from trialmgr.studies.queries import current_definition


@action("list.extended", permission="lists.make", makes=itself)
def extend_list(
    *,
    by: User,
    listed: RandomizationList,
    reason: str,
    to: int | None = None,
    each: Mapping[str, int] | None = None,
) -> ListExtension:
    """Seal more rows behind those of the list in force, and strata that the study definition has got since.

    ``to``, ``each``: new lengths, as ``extended_lengths`` reads them. Nothing of it can be allocated until
    a second person has activated it. Raises ActionRefused, DesignRefused, SealBroken.
    """
    listed = RandomizationList.objects.select_for_update().get(pk=listed.pk)
    check_extendable(listed, reason)
    definition, before = current_definition(), manifest_in_force(listed)
    design = extended_design(definition, listed.design, listed.factors)
    strata = {stratum.key: stratum for stratum in listed.strata.all()}
    lengths_now = {key: stratum.length for key, stratum in strata.items()}
    levels_added = design.parameters() != listed.design
    lengths = extended_lengths(definition, lengths_now, to=to, each=each, levels_added=levels_added)
    made_beforehand = {} if isinstance(design, Minimisation) else lengths
    stream = Stream(secret=secret_of(listed), trial_id=before["trial_id"], purpose=listed.purpose)
    added = {key: length for key, length in lengths.items() if key not in strata}
    manifest = make_manifest(
        design,
        lengths=made_beforehand,
        reserved={**reserved_in(before), **reserved_places(definition, added)},
        made_by=by.actor_name,
        made_at=timezone.now(),
        **stream,
    )
    manifest["extends"] = manifest_hash(before)
    extension = _keep(by, listed, lengths, manifest, reason)
    for key, rows in generated_rows(design, made_beforehand, **stream).items():
        stratum = strata.get(key) or _new_stratum(listed, key)
        keep_rows(listed, stratum, rows[stratum.length :])
    note(listed, new=manifest_hash(manifest), detail={"extension": extension.number, "rows": manifest["rows"]})
    return extension


@action("list.extension_activated", permission="lists.activate")
def activate_extension(*, by: User, extension: ListExtension) -> ListExtension:
    """A second person lets the rows of an extension be used. Those before them, and who has them, stay as they are.

    Raises ActionRefused; SealBroken when the list does not open with the key of this installation.
    """
    listed = RandomizationList.objects.select_for_update().get(pk=extension.list_id)
    extension = ListExtension.objects.get(pk=extension.pk)
    check_second_person_extends(extension, listed, by)
    secret_of(listed)
    reserved = reserved_in(extension.manifest)
    # Each stratum is locked: an allocation under way saves the same row.
    for stratum in Stratum.objects.select_for_update().filter(list=listed).order_by("pk"):
        _lengthen(stratum, extension.lengths.get(stratum.key, stratum.length), reserved.get(stratum.key))
    listed.design = extension.manifest["parameters"]
    listed.save()
    extension.activated_at, extension.activated_by = timezone.now(), by
    extension.save()
    note(listed, new="extended", detail={"extension": extension.number})
    return extension


def _keep(
    by: User, listed: RandomizationList, lengths: Mapping[str, int], manifest: Manifest, reason: str
) -> ListExtension:
    extension = ListExtension(
        list=listed,
        number=listed.extensions.count() + 1,
        lengths=dict(lengths),
        manifest=manifest,
        reason=reason,
        made_at=timezone.now(),
        made_by=by,
    )
    extension.save()
    return extension


def _new_stratum(listed: RandomizationList, key: str) -> Stratum:
    """Without length until the extension is activated: nobody can be allocated from it before."""
    stratum = Stratum(list=listed, key=key, length=0)
    stratum.save()
    return stratum


def _lengthen(stratum: Stratum, length: int, reserved: Places | None) -> None:
    if stratum.length == length:
        return
    stratum.length = length
    stratum.reserved_from, stratum.reserved_to = reserved or (None, None)
    stratum.save()
