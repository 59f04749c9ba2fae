"""The balance report, for the statistician who is not blinded."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.timezone import localdate
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from randomization.methods.balance import files
from randomization.methods.balance.figures import Balance, Line, Placed, balance_of
from randomization.methods.comparison.figures import decimal
from randomization.methods.definition import factor_label, ratio_of
from randomization.methods.designs import Design, design_from
from randomization.methods.findings import DesignRefused
from randomization.models import Allocation, RandomizationList
from randomization.policies.frames import check_unblinded
from randomization.views.frames import Rows, list_crumbs
from trialmgr.people.guards import permitted, person
from trialmgr.people.models import User
from trialmgr.protocol.model import Language, StudyDefinition
from trialmgr.studies.queries import current_definition


@permitted("lists.view")
def balance(request: HttpRequest) -> HttpResponse:
    definition, language = current_definition(), _language()
    found = _balance(person(request), definition)
    page = {
        "balance": found,
        "drawing": mark_safe(files.drawing(found, language)),  # noqa: S308  our own, escaped
        "columns": _columns(found, definition, language),
        "overall": [_cells(_("Whole trial"), found.overall, language)],
        "parts": [
            {
                "heading": _heading(part, definition, language),
                "rows": [_cells(line.name, line, language) for line in lines],
            }
            for part, lines in _headed(found)
        ],
        "worst": found.worst,
        "breadcrumbs": list_crumbs(_("Balance")),
    }
    return render(request, "randomization/balance.html", page)


@permitted("lists.view")
def balance_csv(request: HttpRequest) -> HttpResponse:
    found = _balance(person(request), current_definition())
    answer = HttpResponse(files.csv_of_balance(found), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="balance.csv"'
    return answer


def _balance(user: User, definition: StudyDefinition) -> Balance:
    """403 for the blinded, whether there is something to see or not."""
    check_unblinded(user)
    rows = Allocation.objects.for_user(user).select_related("participant__site", "row__stratum__list")
    placed = [
        Placed(
            listed=each.row.stratum.list.number,
            levels=each.levels,
            site=each.participant.site.code,
            arm=each.arm,
            day=localdate(each.allocated_at),
        )
        for each in rows.order_by("allocated_at", "pk")
    ]
    ratio = ratio_of(definition)
    designs = {listed.number: _design(listed, ratio) for listed in RandomizationList.objects.all()}
    return balance_of(placed, ratio, designs)


def _design(listed: RandomizationList, ratio: dict[str, int]) -> Design | None:
    """None for an imported list, whose design is not known, and for one of another ratio than that in force."""
    try:
        design = design_from(listed.design)
    except DesignRefused:
        return None
    return design if dict(design.ratio) == ratio else None


def _headed(found: Balance) -> list[tuple[str, tuple[Line, ...]]]:
    """Without the strata where they are the sites."""
    names = {part: {line.name.removeprefix("site=") for line in lines} for part, lines in found.parts.items()}
    return [(part, lines) for part, lines in found.parts.items() if part != "site" or names["site"] != names["stratum"]]


def _heading(part: str, definition: StudyDefinition, language: Language) -> str:
    factor = {"factor": factor_label(definition, part, language)}
    return {"stratum": _("By stratum"), "site": _("By site")}.get(part, _("By %(factor)s") % factor)


def _columns(found: Balance, definition: StudyDefinition, language: Language) -> Rows:
    arms = [definition.arm(arm).label(language) for arm in found.arms]
    numbers = (*arms, _("Imbalance"), _("Expected, mean"), _("Expected, 95% at most"))
    return [{"label": _("Part")}, *({"label": label, "numeric": True} for label in numbers), {"label": _("Judgement")}]


def _cells(name: str, line: Line, language: Language) -> list[dict[str, Any]]:
    mean, usual, judged = "–", "–", {"text": "–"}
    if line.expected is not None:
        mean, usual = decimal(line.expected.mean, language, 2), str(line.expected.usual)
        judged = {"text": _("Rare for this design"), "kind": "late"} if line.is_unusual else {"text": _("As expected")}
    numbers = (*line.counts, line.imbalance, mean, usual)
    return [{"text": name}, *({"text": number, "numeric": True} for number in numbers), judged]


def _language() -> Language:
    return "en" if get_language() == "en" else "nl"
