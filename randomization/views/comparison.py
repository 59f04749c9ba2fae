"""The designs side by side, for the statistician who is not blinded: one stateless request a design.

The plan and what has been simulated travel with the page as signed texts, so any server can go on where another
stopped and nothing a browser sends back is believed unread. Without JavaScript one request does it all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from django.core import signing
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from randomization.forms import ComparisonForm, has_design
from randomization.methods.comparison import figures, files
from randomization.methods.comparison.figures import Compared
from randomization.methods.comparison.simulation import Recruitment, Stratum
from randomization.methods.designs import Design, design_from
from randomization.methods.lists.rows import canonical_stratum_key
from randomization.queries.comparison import is_open_label
from randomization.views.frames import Rows, list_crumbs
from trialmgr.people.guards import permitted
from trialmgr.protocol.model import Language
from trialmgr.studies.queries import current_definition

SALT = "randomization.comparison"
GOOD_FOR_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Plan:
    """What was asked for; whoever holds the signed text of it can have it simulated."""

    designs: tuple[Design, ...]
    recruitment: Recruitment
    trials: int
    seed: str

    @classmethod
    def of(cls, form: ComparisonForm) -> Self:
        given = form.cleaned_data
        return cls(tuple(given["asked"]), given["recruitment"], given["simulations"], given["seed"])

    def signed(self) -> str:
        return _signed(
            {
                "designs": [design.parameters() for design in self.designs],
                "participants": self.recruitment.participants,
                "strata": [[dict(stratum.levels), stratum.weight] for stratum in self.recruitment.strata],
                "trials": self.trials,
                "seed": self.seed,
            }
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """BadRequest for a text that was not signed here in the last day."""
        given = _read(text)
        strata = tuple(Stratum(levels, weight) for levels, weight in given["strata"])
        designs = tuple(design_from(each) for each in given["designs"])
        return cls(designs, Recruitment(given["participants"], strata), given["trials"], given["seed"])

    def simulate(self, number: int) -> Compared:
        (made,) = figures.compared([self.designs[number]], self.recruitment, seed=self.seed, trials=self.trials)
        return made


@permitted("lists.view")
def compare(request: HttpRequest) -> HttpResponse:
    """The form; asked for, the whole answer, or with JavaScript the page that goes on by itself."""
    definition, language = current_definition(), _language()
    if not has_design(definition):
        return _form_page(request, None)
    form = ComparisonForm(request.POST or None, definition=definition, language=language)
    if request.method != "POST":
        return _form_page(request, form)
    if not form.is_valid():
        return _form_page(request, form, status=422)
    plan = Plan.of(form)
    done = [] if "stepwise" in request.POST else [plan.simulate(number) for number in range(len(plan.designs))]
    page = _answer(plan, plan.signed(), [_signed(files.packed(each)) for each in done], done)
    return render(request, "randomization/comparison/answer.html", page)


def _form_page(request: HttpRequest, form: ComparisonForm | None, status: int = 200) -> HttpResponse:
    page: dict[str, Any] = {"form": form, "breadcrumbs": list_crumbs(_("Compare designs"))}
    if form is not None:
        expected = form.expected()
        names = {bound.name for bound in expected}
        page |= {"expected": expected, "plain_fields": [bound for bound in form if bound.name not in names]}
    return render(request, "randomization/comparison/form.html", page, status=status)


@permitted("lists.view")
@require_POST
def compare_step(request: HttpRequest) -> HttpResponse:
    """One more design, and what the page shows then."""
    plan, signed, done = _sent(request)
    if len(done) < len(plan.designs):
        done = [*done, plan.simulate(len(done))]
        signed = [*signed, _signed(files.packed(done[-1]))]
    page = _answer(plan, request.POST["plan"], signed, done)
    return render(request, "randomization/comparison/stepped.html", page)


@permitted("lists.view")
@require_POST
def compare_file(request: HttpRequest) -> HttpResponse:
    """One of the files, of what has been simulated; nothing is simulated again."""
    plan, _signed_texts, done = _sent(request)
    made = _FILES.get(request.POST.get("file", ""))
    if made is None or not done:
        raise BadRequest
    content_type, content = made
    answer = HttpResponse(content(plan, done), content_type=f"{content_type}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{request.POST["file"]}"'
    return answer


def _drawn(plan: Plan, done: Sequence[Compared]) -> str:
    advised = figures.advice(done, open_label=is_open_label(current_definition()))
    return figures.drawing(done, _language(), advised.design)


def _reported(plan: Plan, done: Sequence[Compared]) -> str:
    definition = current_definition()
    return files.report(
        done,
        study=definition.short_title,
        seed=plan.seed,
        trials=plan.trials,
        open_label=is_open_label(definition),
        language=_language(),
    )


_FILES: dict[str, tuple[str, Callable[[Plan, Sequence[Compared]], str]]] = {
    "comparison.svg": ("image/svg+xml", _drawn),
    "comparison.csv": ("text/csv", lambda _plan, done: files.csv_of_designs(done)),
    "comparison-strata.csv": ("text/csv", lambda _plan, done: files.csv_of_strata(done)),
    "comparison.md": ("text/markdown", _reported),
}


def _sent(request: HttpRequest) -> tuple[Plan, list[str], list[Compared]]:
    """What the page sent back: the plan, and what has been simulated of it as signed texts and read."""
    plan = Plan.read(request.POST.get("plan", ""))
    signed = request.POST.getlist("done")
    done = [files.unpacked(_read(text), plan.recruitment) for text in signed]
    if [each.design for each in done] != list(plan.designs[: len(done)]):
        raise BadRequest
    return plan, signed, done


def _signed(document: dict[str, Any]) -> str:
    return signing.dumps(document, salt=SALT, compress=True)


def _read(text: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = signing.loads(text, salt=SALT, max_age=GOOD_FOR_SECONDS)
    except signing.BadSignature as error:
        raise BadRequest from error
    return read


# --- what the page shows ---------------------------------------------------------------------------------------------


def _answer(plan: Plan, signed: str, tokens: Sequence[str], done: Sequence[Compared]) -> dict[str, Any]:
    wanted = len(plan.designs)
    is_whole = len(done) == wanted
    said = (
        _("All %(wanted)s designs are simulated.") if is_whole else _("%(done)s of %(wanted)s designs are simulated.")
    )
    return {
        "plan": signed,
        "done": tokens,
        "wanted": wanted,
        "status": said % {"done": len(done), "wanted": wanted},
        "result": _result(plan, done) if is_whole else None,
        "rows": _about(plan),
        "breadcrumbs": list_crumbs(_("Compare designs")),
    }


def _about(plan: Plan) -> Rows:
    return [
        {"key": _("Participants in a trial"), "value": plan.recruitment.participants},
        {"key": _("Strata"), "value": len(plan.recruitment.strata)},
        {"key": _("Trials to simulate for each design"), "value": plan.trials},
        {"key": _("Seed"), "value": plan.seed},
    ]


def _result(plan: Plan, done: Sequence[Compared]) -> dict[str, Any]:
    language = _language()
    advised = figures.advice(done, open_label=is_open_label(current_definition()))
    head, *rows = figures.table(done, language)
    return {
        "advice": advised.reason(language),
        "drawing": mark_safe(figures.drawing(done, language, advised.design)),  # noqa: S308  our own, escaped
        "columns": _columns(head),
        "rows": [_cells(row) for row in rows],
        "reading": files.READING(language),
        "strata_columns": _columns([_("Stratum"), *(row[0] for row in rows)]),
        "strata": [_cells(row) for row in _by_stratum(plan, done, language)],
        "files": list(_FILES),
    }


def _by_stratum(plan: Plan, done: Sequence[Compared], language: Language) -> list[list[str]]:
    return [
        [
            canonical_stratum_key(stratum.levels),
            *(figures.decimal(each.figures.by_stratum[place].mean_absolute, language, 2) for each in done),
        ]
        for place, stratum in enumerate(plan.recruitment.strata)
    ]


def _columns(head: Sequence[str]) -> Rows:
    return [{"label": head[0]}, *({"label": label, "numeric": True} for label in head[1:])]


def _cells(row: Sequence[str]) -> Rows:
    return [{"text": row[0]}, *({"text": cell, "numeric": True} for cell in row[1:])]


def _language() -> Language:
    return "en" if get_language() == "en" else "nl"
