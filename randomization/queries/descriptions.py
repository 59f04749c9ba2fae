"""What the descriptions of the randomisation are filled with here: the study, the list in force, the people's roles."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.timezone import localdate

from randomization.methods.descriptions.documents import (
    Document,
    ListFacts,
    People,
    consort_texts,
    public_description,
    restricted_description,
)
from randomization.methods.lists.rows import manifest_hash
from randomization.models import RandomizationList
from randomization.policies.lists import active_list
from randomization.queries.lists import manifest_in_force
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.protocol.model import Language, StudyDefinition, Text
from trialmgr.studies.queries import current_definition

_Maker = Callable[[StudyDefinition, People, ListFacts | None, Language], Document]

KINDS: dict[str, _Maker] = {
    "public": public_description,
    "restricted": restricted_description,
    "consort": consort_texts,
}


def described(kind: str, language: Language) -> Document:
    """KeyError for a kind that is not in ``KINDS``; DesignRefused when the study describes no randomisation."""
    definition = current_definition()
    return KINDS[kind](definition, people_of(definition), facts_of(active_list()), language)


def people_of(definition: StudyDefinition) -> People:
    def holding(permission: str) -> tuple[Text, ...]:
        return tuple(role.label for role in definition.roles if permission in PERMISSIONS[Role(role.key)])

    return People(
        make=holding("lists.make"),
        activate=holding("lists.activate"),
        randomise=holding("participants.randomise"),
        blinded=tuple(role.label for role in definition.roles if role.blinded),
    )


def facts_of(listed: RandomizationList | None) -> ListFacts | None:
    if listed is None or listed.activated_by is None:
        return None
    manifest = manifest_in_force(listed)
    return ListFacts(
        number=listed.number,
        origin=listed.origin,
        algorithm=listed.algorithm,
        commitment=listed.commitment,
        list_hash=manifest["list_hash"],
        manifest_hash=manifest_hash(manifest),
        made_on=localdate(listed.made_at).isoformat(),
        made_by=listed.made_by.actor_name,
        activated_on=localdate(listed.activated_at).isoformat(),
        activated_by=listed.activated_by.actor_name,
        strata=tuple(listed.strata.values_list("key", "length")),
    )
