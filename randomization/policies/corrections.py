"""Corrections: which levels a factor has, as randomised and as corrected, and may it be corrected to another?"""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from randomization.methods.definition import levels_of as levels_of_source
from randomization.models import Allocation
from trialmgr.protocol.model import StratificationFactor
from trialmgr.studies.queries import current_definition


def levels_corrected(allocation: Allocation) -> dict[str, str]:
    """Factor -> level: as randomised, or as the newest correction has it."""
    corrections = allocation.corrections.order_by("corrected_at", "pk")
    return {**allocation.levels, **{one.factor: one.corrected for one in corrections}}


def check_correction(allocation: Allocation, factor: str, corrected: str) -> None:
    known = levels_known(allocation)
    if factor not in known:
        raise ActionRefused(_("The list was not stratified by %(factor)s.") % {"factor": factor})
    if corrected not in known[factor]:
        raise ActionRefused(_("%(level)s is no level of %(factor)s.") % {"level": corrected, "factor": factor})
    if corrected == levels_corrected(allocation)[factor]:
        raise ActionRefused(_("This level stands already."))


def levels_known(allocation: Allocation) -> dict[str, tuple[str, ...]]:
    """Factor -> the levels that the newest study definition knows, for each factor of the allocation's list."""
    definition = current_definition()
    sources = allocation.row.stratum.list.factors
    return {
        factor: levels_of_source(definition, StratificationFactor(key=factor, source=sources[factor]))
        for factor in allocation.levels
    }


def form_of(allocation: Allocation, factor: str) -> str:
    """The form whose item holds a factor, so that its trail is read by whoever reads the form; "" for the site."""
    source: str = allocation.row.stratum.list.factors[factor]
    return "" if source == "site" else source.split(".")[1]
