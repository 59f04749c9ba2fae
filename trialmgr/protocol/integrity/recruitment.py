"""What the pictures of recruitment and of the flow rest on: the plan of each site, and where it is read who went on."""

from __future__ import annotations

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules
from trialmgr.protocol.integrity.keys import is_date
from trialmgr.protocol.integrity.references import absent
from trialmgr.protocol.model import Flow, ItemType, StudyDefinition
from trialmgr.protocol.yaml_source import DocumentPath


def _plans(study: StudyDefinition) -> Findings:
    """A line of a plan has two ends. That the targets of the sites add up to that of the trial is not asked."""
    for number, site in enumerate(study.sites):
        path: DocumentPath = ("sites", number, "begins")
        if site.begins is None:
            continue
        if site.target is None:
            yield Finding(path, f"the plan of {site.code} has no target", "add `target`, or remove `begins`")
        if study.recruitment is None:
            yield Finding(path, f"the plan of {site.code} has no end", "add `recruitment` with `ends`")
        elif is_date(site.begins) and is_date(study.recruitment.ends) and site.begins >= study.recruitment.ends:
            yield Finding(
                path, f"{site.code} begins when recruitment is over", "let it begin before `recruitment.ends`"
            )


def _flow(study: StudyDefinition) -> Findings:
    if study.flow is not None:
        yield from _received(study, study.flow)
        yield from _discontinued(study, study.flow)
        yield from _analysed(study, study.flow)


def _received(study: StudyDefinition, flow: Flow) -> Findings:
    for number, reference in enumerate(flow.received):
        path: DocumentPath = ("flow", "received", number)
        yield from _typed(study, path, reference, ItemType.YES_NO, "a yes/no item")


def _discontinued(study: StudyDefinition, flow: Flow) -> Findings:
    if flow.discontinued is not None:
        yield from _typed(study, ("flow", "discontinued"), flow.discontinued, ItemType.CHOICE, "a choice")


def _typed(study: StudyDefinition, path: DocumentPath, reference: str, kind: ItemType, called: str) -> Findings:
    faults = [*_place(study, path, reference, 3)]
    yield from faults
    if faults:
        return
    _visit, form, item = reference.split(".")
    if study.has_form(form) and study.form(form).item(item).type is not kind:
        yield Finding(path, f"`{item}` is not {called}", f"name {called} of the form")


def _analysed(study: StudyDefinition, flow: Flow) -> Findings:
    path: DocumentPath = ("flow", "analysed")
    yield from _place(study, path, flow.analysed, 2)
    visit = flow.analysed.split(".")[0]
    if study.has_visit(visit) and study.visit(visit).arms:
        yield Finding(path, f"`{visit}` is a visit of one arm", "name a visit of all participants")


def _place(study: StudyDefinition, path: DocumentPath, reference: str, parts: int) -> Findings:
    """A finding where ``visit.form`` or ``visit.form.item`` is not there. A row of a group has no such place."""
    names = reference.split(".")
    if len(names) != parts:
        shape = ".".join(("visit", "form", "item")[:parts])
        yield Finding(path, f"`{reference}` is not of the shape {shape}", f"write {shape}")
    elif not study.has_visit(names[0]):
        yield from absent(path, names[0], (visit.key for visit in study.visits), "visit")
    elif names[1] not in study.visit(names[0]).forms:
        yield from absent(path, names[1], study.visit(names[0]).forms, f"form of the visit {names[0]}")
    elif parts > 2 and study.has_form(names[1]):
        plain = (item.key for item in study.form(names[1]).plain_items)
        yield from absent(path, names[2], plain, f"item outside groups of {names[1]}")


RULES: Rules = (
    _plans,
    _flow,
)
