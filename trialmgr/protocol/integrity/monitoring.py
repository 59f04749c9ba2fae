"""Plans of verification that can be followed."""

from __future__ import annotations

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules, all_items
from trialmgr.protocol.model import StudyDefinition, VerificationPlan
from trialmgr.protocol.monitoring import critical_keys
from trialmgr.protocol.yaml_source import DocumentPath


def _shares(study: StudyDefinition) -> Findings:
    for path, plan in _plans(study):
        if plan.extent == "share" and plan.share is None:
            yield Finding((*path, "extent"), "the plan does not say how many participants", "add `share`, as 20")
        if plan.extent != "share" and plan.share is not None:
            yield Finding((*path, "share"), "`share` goes with `extent: share`", "write that, or remove this key")


def _critical(study: StudyDefinition) -> Findings:
    marked = {form.key for form in study.forms if critical_keys(study, form)}
    for path, plan in _plans(study):
        own = [study.forms[int(path[1])].key] if path[0] == "forms" else [form.key for form in study.forms]
        if plan.extent == "critical" and not marked.intersection(own):
            mend = "mark the items that matter with `critical: true`, or choose another extent"
            yield Finding((*path, "extent"), "no item is critical, so nothing would be verified", mend)
    for where, _form, item in all_items(study):
        if item.critical and item.is_derived:
            yield Finding((*where, "critical"), "nobody enters a derived item", "mark the items it is made of")


def _plans(study: StudyDefinition) -> list[tuple[DocumentPath, VerificationPlan]]:
    found: list[tuple[DocumentPath, VerificationPlan | None]] = [(("verification",), study.verification)]
    found += [(("forms", number, "verification"), form.verification) for number, form in enumerate(study.forms)]
    return [(path, plan) for path, plan in found if plan is not None]


RULES: Rules = (_shares, _critical)
