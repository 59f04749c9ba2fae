"""The form as one participant meets it: the eligibility form holds the criteria in force when they registered."""

from __future__ import annotations

from trialmgr.participants.models import Participant
from trialmgr.protocol.evaluation import eligibility_form
from trialmgr.protocol.model import EligibilityVersion, Form, StudyDefinition


def criteria_for(participant: Participant, definition: StudyDefinition) -> EligibilityVersion:
    return definition.eligibility_on(participant.registered_on.isoformat())


def form_for(participant: Participant, definition: StudyDefinition, form_key: str) -> Form:
    form = definition.form(form_key)
    return eligibility_form(definition, criteria_for(participant, definition)) if form.eligibility else form
