"""A study definition as CDISC ODM 1.3.2 metadata.

Every part of the definition that ODM knows stands in its standard elements; the rest in our Alias (``extension``), so
that reading the document gives the definition again. The restricted part, the randomisation design, is never written.
What is written depends on the definition alone: the same definition gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trialmgr.protocol.exchange.drafts import Draft
from trialmgr.protocol.exchange.odm.extension import difference
from trialmgr.protocol.exchange.odm.imports import draft_of
from trialmgr.protocol.exchange.odm.parts import DocumentWriter, item_oid, section_oid
from trialmgr.protocol.exchange.odm.source import source_of
from trialmgr.protocol.exchange.odm.xml_text import xml_text
from trialmgr.protocol.model import StudyDefinition

OF_THE_STUDY = "study"
_ELSEWHERE = frozenset({"visits", "forms", "codelists", "missing_reasons", "randomization"})
_NEVER_IN_ODM = ("phases",)


@dataclass(frozen=True, slots=True)
class OdmDocument:
    """``text``: the document. ``in_alias``: what only our Alias holds. ``lost``: what reading does not give back."""

    text: str
    in_alias: tuple[str, ...]
    lost: tuple[str, ...]


def odm_of(definition: StudyDefinition) -> OdmDocument:
    """The ODM 1.3.2 document of a definition, without its restricted part."""
    open_part = definition.model_copy(update={"randomization": None})
    whole = open_part.model_dump(mode="json", exclude_defaults=True)
    first = {OF_THE_STUDY: {name: whole[name] for name in _NEVER_IN_ODM}}
    kept = _kept(whole, _read(_text(open_part, first)))
    text = _text(open_part, kept)
    lost = list(_differences(open_part, _read(text)))
    if definition.randomization is not None:
        lost.append("randomization: the restricted part is not exported")
    return OdmDocument(text, tuple(_told(kept)), tuple(lost))


def definition_of(draft: Draft) -> StudyDefinition:
    """The definition that the documents of a draft make, without a folder in between."""
    return StudyDefinition.model_validate({**draft.study, "codelists": draft.codelists, "forms": draft.forms})


def _text(definition: StudyDefinition, kept: Mapping[str, dict[str, Any]]) -> str:
    return xml_text(DocumentWriter(definition, kept).root())


def _read(text: str) -> Draft:
    return draft_of(source_of(text.encode()))


# --- what the Alias keeps --------------------------------------------------------------------------------------------


def _kept(whole: dict[str, Any], draft: Draft) -> dict[str, dict[str, Any]]:
    """OID to the keys that the standard elements do not give back."""
    kept = {OF_THE_STUDY: _difference(whole, draft.study, without=_ELSEWHERE)}
    kept[OF_THE_STUDY] |= {name: whole[name] for name in _NEVER_IN_ODM}
    read = {visit["key"]: visit for visit in draft.study["visits"]}
    kept |= {f"SE.{visit['key']}": _difference(visit, read[visit["key"]]) for visit in whole["visits"]}
    lists = {codelist["key"]: codelist for codelist in draft.codelists}
    kept |= {f"CL.{one['key']}": _difference(one, lists[one["key"]]) for one in whole.get("codelists", [])}
    reasons = whole["missing_reasons"]
    kept[f"MR.{reasons['key']}"] = _difference(reasons, draft.study["missing_reasons"])
    forms = {form["key"]: form for form in draft.forms}
    for form in whole["forms"]:
        kept |= _kept_of_form(form, forms[form["key"]])
    return {oid: rest for oid, rest in kept.items() if rest}


def _kept_of_form(form: dict[str, Any], read: dict[str, Any]) -> dict[str, dict[str, Any]]:
    kept = {f"F.{form['key']}": _difference(form, read, without=("sections", "checks")) | _kept_checks(form, read)}
    sections = {section["key"]: section for section in read["sections"]}
    for section in form["sections"]:
        other = sections[section["key"]]
        kept[section_oid(form["key"], section["key"])] = _difference(section, other, without=("items",))
        items = {item["key"]: item for item in other["items"]}
        for item in section["items"]:
            kept[item_oid(form["key"], item["key"])] = _difference(item, items[item["key"]])
    return kept


def _kept_checks(form: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """The order of the checks, and of each what its RangeCheck does not say."""
    written, found = form.get("checks", []), read.get("checks", [])
    if written == found:
        return {}
    by_key = {check["key"]: check for check in found}
    return {"checks": [{"key": check["key"]} | _difference(check, by_key.get(check["key"], {})) for check in written]}


def _difference(
    whole: dict[str, Any], read: Mapping[str, Any], without: frozenset[str] | tuple[str, ...] = ()
) -> dict[str, Any]:
    return difference(
        {name: value for name, value in whole.items() if name not in without},
        {name: value for name, value in read.items() if name not in without},
    )


_SORTS = {"CL": "code lists", "MR": "missing reasons", "SE": "visits", "F": "forms", "IG": "sections", "I": "items"}


def _told(kept: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    counted: dict[str, Counter[str]] = {}
    for oid, rest in kept.items():
        sort = _SORTS.get(oid.split(".")[0], OF_THE_STUDY) if oid != OF_THE_STUDY else OF_THE_STUDY
        counted.setdefault(sort, Counter()).update(list(rest))
    for sort, names in counted.items():
        told = (name if sort == OF_THE_STUDY else f"{name} ({count})" for name, count in sorted(names.items()))
        yield f"{sort}: {', '.join(told)}"


# --- what is lost all the same ---------------------------------------------------------------------------------------


def _differences(definition: StudyDefinition, draft: Draft) -> Iterator[str]:
    whole = definition.model_dump(mode="json")
    yield from _unequal("", whole, definition_of(draft).model_dump(mode="json"))


def _unequal(path: str, one: Any, other: Any) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted({*one, *other}):
            yield from _unequal(f"{path}.{name}".removeprefix("."), one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from _unequal(f"{path}[{number}]", mine, theirs)
    elif one != other:
        yield f"{path}: {one!r} would come back as {other!r}"
