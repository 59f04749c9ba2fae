"""Sealed envelopes on paper: a sheet for each, with what stands outside and inside, and the register to sign."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from randomization.actions.envelopes import Envelope
from randomization.models import RandomizationList
from randomization.views.frames import moment
from trialmgr.printing import typeset
from trialmgr.protocol.model import StudyDefinition

TEMPLATE = Path(__file__).parents[1] / "templates/randomization/envelopes.typ"


def envelope_paper(
    envelopes: Sequence[Envelope],
    *,
    listed: RandomizationList,
    definition: StudyDefinition,
    at: datetime.datetime,
    language: str,
) -> bytes:
    """The PDF to print: A4, a sheet an envelope, the register last. ``at``: with a zone; ``language``: nl or en."""
    with override(language):
        title = _("Sealed envelopes of list %(number)s") % {"number": listed.number}
        data = {
            "study": definition.short_title,
            "kind": _("Sealed envelopes"),
            "made": moment(at),
            "words": _words(),
            "steps": _steps(),
            "packing": _packing(),
            "envelopes": [_sheet(one, listed, definition, language) for one in envelopes],
            "columns": _columns(),
        }
        return typeset(TEMPLATE, data, title=title, language=language, at=at)


def _sheet(envelope: Envelope, listed: RandomizationList, definition: StudyDefinition, language: str) -> dict[str, Any]:
    return {
        "name": envelope.name,
        "stratum": list(_stratum(envelope.levels, listed.factors, definition, language)),
        "arm": definition.arm(envelope.arm).label(language),
    }


def _stratum(
    levels: Mapping[str, str], factors: Mapping[str, str], definition: StudyDefinition, language: str
) -> Iterable[dict[str, str]]:
    """Factor and level in words."""
    for factor, level in levels.items():
        if factors[factor] == "site":
            named = next((site.name for site in definition.sites if site.code == level), level)
            yield {"key": _("Site"), "value": named}
        else:
            _visit, form, key = factors[factor].split(".")
            item = definition.form(form).item(key)
            spoken = definition.codelist(item.codelist).label(level, language) if item.codelist else level
            yield {"key": item.label(language), "value": spoken}


def _words() -> dict[str, str]:
    return {
        "outside": _("Outside: stick this on the envelope"),
        "inside": _("Inside: fold twice, the text inwards, and put it in the envelope"),
        "envelope": _("Envelope"),
        "arm": _("Arm"),
        "trial": _("Trial"),
        "register": _("Register of envelopes"),
        "unused": _("Number of envelopes not opened, counted at the end of the trial:"),
        "signed": _("Date, name and signature:"),
    }


def _steps() -> list[str]:
    return [
        _("Open this envelope only when the system cannot be reached and the participant has to be randomised now."),
        _("Check that the participant has given consent and was judged eligible, and belongs in this stratum."),
        _(
            "Take the envelope of this stratum with the lowest number. Write the participant's number, the day and the "
            "time in the register and sign, before opening."
        ),
        _("Open the envelope. From now on it counts as used, whatever happens."),
        _(
            "As soon as the system works again, enter the envelope there: its name, the participant, when it was "
            "opened and by whom, and why. Keep the envelope and what was in it."
        ),
    ]


def _packing() -> list[str]:
    return [
        _(
            "For the unblinded statistician alone. This paper shows allocations: print it where nobody else sees it, "
            "and destroy this file afterwards."
        ),
        _(
            "Cut each sheet at the line. Use envelopes through which nothing can be read against the light; seal them "
            "and sign across the seal."
        ),
        _("The register goes along with the envelopes; it shows no allocation."),
    ]


def _columns() -> list[str]:
    return [
        _("Envelope"),
        _("Participant"),
        _("Opened: day and time"),
        _("Name and signature"),
        _("Entered back: day and signature"),
    ]
