"""The form as one participant meets it: the eligibility form holds the criteria in force when they registered."""

from __future__ import annotations

from trialmgr.participants.models import Participant
from trialmgr.protocol.evaluation import eligibility_form
from trialmgr.protocol.model import EligibilityVersion, Form, StudyDefinition
from trialmgr.studies.queries import current_definition, timeline


def criteria_for(participant: Participant, definition: StudyDefinition) -> EligibilityVersion:
    return definition.eligibility_on(participant.registered_on.isoformat())


def form_for(participant: Participant, definition: StudyDefinition, form_key: str) -> Form:
    form = definition.form(form_key)
    if form.eligibility:
        form = eligibility_form(definition, criteria_for(participant, definition))
    return form if timeline().only or not current_definition().has_form(form_key) else _guarded(form)


def _guarded(form: Form) -> Form:
    """What reveals the allocation in one version does so in every other: the newest knows what gives an arm away."""
    known = current_definition().form(form.key)
    late = {item.key for item in known.items if item.reveals_allocation and form.has_item(item.key)}
    if all(form.item(key).reveals_allocation for key in late):
        return form
    sections = (
        section.model_copy(
            update={
                "items": tuple(
                    item.model_copy(update={"reveals_allocation": True}) if item.key in late else item
                    for item in section.items
                )
            }
        )
        for section in form.sections
    )
    return form.model_copy(update={"sections": tuple(sections)})
