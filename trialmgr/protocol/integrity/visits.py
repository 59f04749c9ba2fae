"""When visits come, who enters the trial, which form judges eligibility."""

from __future__ import annotations

import itertools

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules
from trialmgr.protocol.integrity.references import all_absent, repeated_words
from trialmgr.protocol.model import Repeat, StudyDefinition, VisitDefinition
from trialmgr.protocol.yaml_source import DocumentPath


def _entering(study: StudyDefinition) -> Findings:
    """Where there are arms the trial is entered by allocation, elsewhere by enrolment; by one phase."""
    wrong, right = ("enrolment", "allocation") if study.is_randomised else ("allocation", "enrolment")
    told = "the study has arms" if study.is_randomised else "the study has no arms, so nobody is allocated"
    for number, phase in enumerate(study.phases):
        if phase.opens == wrong:
            yield Finding(("phases", number, "opens"), told, f"write `opens: {right}`")
    for number, visit in enumerate(study.visits):
        if visit.anchor == wrong:
            yield Finding(("visits", number, "anchor"), told, f"write `anchor: {right}`")
    entered = [number for number, phase in enumerate(study.phases) if phase.opens in (wrong, right)]
    if not entered:
        yield Finding(("phases",), "no phase opens when the trial is entered", f"write `opens: {right}` at one phase")
    for number in entered[1:]:
        yield Finding(
            ("phases", number, "opens"), "a second phase opens when the trial is entered", "let it have a gate"
        )


def _visit_rules(study: StudyDefinition) -> Findings:
    repeating = {form.key for form in study.forms if form.repeating}
    at_registration = {phase.key for phase in study.phases if phase.opens == "registration"}
    for number, visit in enumerate(study.visits):
        path: DocumentPath = ("visits", number)
        if visit.arms and visit.phase in at_registration:
            yield Finding((*path, "arms"), "an arm's visit stands before the allocation", "put it in a later phase")
        if visit.before_allocation and visit.phase not in at_registration:
            yield Finding(
                (*path, "before_allocation"),
                "a visit of a later phase cannot be complete before the allocation",
                "put it in a phase that opens with registration",
            )
        if visit.oldest is not None and not visit.before_allocation:
            yield Finding(
                (*path, "oldest"), "only a visit before the allocation grows old", "remove it, or `before_allocation`"
            )
        yield from _occurrences(path, visit, repeating)


def _occurrences(path: DocumentPath, visit: VisitDefinition, repeating: set[str]) -> Findings:
    if visit.repeat:
        yield from _rhythm((*path, "repeat"), visit.repeat)
    if visit.repeat and visit.kind != "scheduled":
        yield Finding((*path, "repeat"), f"a visit of kind {visit.kind} does not repeat", "remove `repeat`")
    for number, form in enumerate(visit.forms):
        if form in repeating and visit.kind != "log":
            yield Finding(
                (*path, "forms", number), f"the repeating form {form} stands outside a log", "move it to a log visit"
            )


def _rhythm(path: DocumentPath, repeat: Repeat) -> Findings:
    has_rhythm = repeat.every is not None or repeat.times is not None
    if bool(repeat.days) is has_rhythm or (repeat.every is None) is not (repeat.times is None):
        yield Finding(path, "the visit returns by `days`, or by `every` and `times`", "write one of the two, in full")
    if repeat.days and repeat.start:
        yield Finding((*path, "from"), "`from` goes with `every` and `times`", "remove it, or shift the days")
    if any(later <= earlier for earlier, later in itertools.pairwise(repeat.days)):
        yield Finding((*path, "days"), "the days do not rise", "write each day once, in order")


def _exemptions(study: StudyDefinition) -> Findings:
    known = [visit.key for visit in study.visits]
    for number, exemption in enumerate(study.exemptions):
        path: DocumentPath = ("exemptions", number, "visits")
        yield from all_absent(path, exemption.visits, known, "visit")
        yield from repeated_words(path, exemption.visits)


def _eligibility_forms(study: StudyDefinition) -> Findings:
    flagged = [number for number, form in enumerate(study.forms) if form.eligibility]
    if not flagged:
        yield Finding((), "no form is flagged `eligibility: true`", "flag the form that holds the judgement")
    for number in flagged[1:]:
        yield Finding(("forms", number, "eligibility"), "a second form holds the eligibility", "flag one form only")


RULES: Rules = (
    _entering,
    _visit_rules,
    _exemptions,
    _eligibility_forms,
)
