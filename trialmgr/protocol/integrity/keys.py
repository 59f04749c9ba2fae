"""Keys that stand once, texts that say something, dates that exist."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from trialmgr.protocol.evaluation import PREVIOUS
from trialmgr.protocol.expressions import RESERVED
from trialmgr.protocol.integrity.findings import Finding, Findings, Rules, items_of, parts_of
from trialmgr.protocol.model import Form, StudyDefinition, Text
from trialmgr.protocol.yaml_source import DocumentPath


def repeated(path: DocumentPath, keys: Iterable[str], field: str = "key") -> Findings:
    seen: set[str] = set()
    for number, key in enumerate(keys):
        if key in seen:
            yield Finding((*path, number, field), f"`{key}` is used twice", "give each one a key of its own")
        seen.add(key)


def _unique_keys(study: StudyDefinition) -> Findings:
    yield from repeated(("arms",), (arm.key for arm in study.arms))
    yield from repeated(("sites",), (site.code for site in study.sites), "code")
    yield from repeated(("roles",), (role.key for role in study.roles))
    yield from repeated(("consents",), (consent.key for consent in study.consents))
    yield from repeated(("phases",), (phase.key for phase in study.phases))
    yield from repeated(("visits",), (visit.key for visit in study.visits))
    yield from repeated(("codelists",), (codelist.key for codelist in study.codelists))
    yield from repeated(("forms",), (form.key for form in study.forms))
    yield from repeated(("missing_reasons", "items"), (entry.code for entry in study.missing_reasons.items), "code")
    yield from repeated(("eligibility",), (version.version for version in study.eligibility), "version")


def _unique_keys_inside(study: StudyDefinition) -> Findings:
    for number, codelist in enumerate(study.codelists):
        yield from repeated(("codelists", number, "items"), (entry.code for entry in codelist.items), "code")
    for number, version in enumerate(study.eligibility):
        yield from repeated(("eligibility", number, "criteria"), (criterion.id for criterion in version.criteria), "id")
    for number, form in enumerate(study.forms):
        yield from repeated(("forms", number, "sections"), (section.key for section in form.sections))
        yield from repeated(("forms", number, "checks"), (check.key for check in form.checks))
        yield from _item_keys(study, ("forms", number), form)


def _item_keys(study: StudyDefinition, path: DocumentPath, form: Form) -> Findings:
    criteria = {c.id.lower() for version in study.eligibility for c in version.criteria} if form.eligibility else set()
    seen: set[str] = set()
    for item_path, item in items_of(path, form):
        if item.key in seen or item.key in criteria:
            yield Finding((*item_path, "key"), f"`{item.key}` is used twice on this form", "give the item another key")
        if item.key in RESERVED:
            yield Finding((*item_path, "key"), f"`{item.key}` is a word of expressions", "give the item another key")
        seen.add(item.key)


def _reserved_visits(study: StudyDefinition) -> Findings:
    for number, visit in enumerate(study.visits):
        if visit.key == PREVIOUS:
            yield Finding(("visits", number, "key"), f"`{PREVIOUS}` is a word of expressions", "give another key")


def _texts(study: StudyDefinition) -> Findings:
    for path, part in parts_of(study):
        if isinstance(part, Text):
            for language in ("nl", "en"):
                if not part(language).strip():
                    yield Finding((*path, language), f"the text in {language} is empty", "write it in both languages")


def _dates(study: StudyDefinition) -> Findings:
    for path, part in parts_of(study):
        for key in ("valid_from", "begins", "ends"):
            written = getattr(part, key, None)
            if written is not None and not is_date(written):
                yield Finding((*path, key), f"{written!r} is not a date", "write year-month-day, as 2026-05-31")


def is_date(written: str) -> bool:
    try:
        return dt.date.fromisoformat(written).isoformat() == written
    except ValueError:
        return False


RULES: Rules = (
    _unique_keys,
    _unique_keys_inside,
    _reserved_visits,
    _texts,
    _dates,
)
