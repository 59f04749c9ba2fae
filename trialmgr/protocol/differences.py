"""What changes between two versions of a study, in words of both languages. Pure: no stored data are read here.

Item keys, item types, units and the meaning of codes are for life, because data hang on them; a change of one is named
as forbidden, with the mend. Source: the same rule as docs/decisions/0006, after CDISC ODM 1.3.2 section 2.11 (OIDs).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from trialmgr.protocol.model import CodeList, Form, Item, Part, StudyDefinition, Text, VisitDefinition


class Kind(enum.StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``place``: keys with dots, as ``study check`` names them; ``field``: what of it changed.

    ``form``, ``item``, ``check``, ``visit`` and ``codelist`` hold keys where the change is about one. ``forbidden``: no
    version may bring it into a study that has the old one. ``reveals``: not for a blinded reader. ``restricted``: about
    the randomisation design, for who may see lists alone.
    """

    kind: Kind
    part: str
    place: str
    text: Text
    field: str = ""
    form: str = ""
    item: str = ""
    check: str = ""
    visit: str = ""
    codelist: str = ""
    forbidden: bool = False
    reveals: bool = False
    restricted: bool = False

    def as_json(self, language: str) -> dict[str, Any]:
        """Plain data; what is empty is left out."""
        keys = ("field", "form", "item", "check", "visit", "codelist", "forbidden")
        given = {name: getattr(self, name) for name in keys if getattr(self, name)}
        return {"kind": self.kind.value, "part": self.part, "place": self.place, **given, "text": self.text(language)}


def differences(old: StudyDefinition, new: StudyDefinition) -> tuple[Change, ...]:
    """Every difference, in the order of a study folder: the study itself, its parts, its forms."""
    return tuple(change for changes in _CHAPTERS for change in changes(old, new))


def forbidden(changes: Sequence[Change]) -> tuple[Change, ...]:
    return tuple(change for change in changes if change.forbidden)


# --- parts that go by a key ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sort:
    """How a sort of part is named and identified, and what in it has chapters of its own."""

    part: str
    noun: Text
    key: str = "key"
    apart: tuple[str, ...] = ()


_ARM = _Sort("arm", Text(nl="arm", en="arm"))
_SITE = _Sort("site", Text(nl="centrum", en="site"), "code")
_ROLE = _Sort("role", Text(nl="rol", en="role"))
_CONSENT = _Sort("consent", Text(nl="toestemmingsversie", en="consent version"))
_CRITERIA = _Sort(
    "eligibility", Text(nl="versie van de criteria", en="version of the criteria"), "version", ("criteria",)
)
_CRITERION = _Sort("criterion", Text(nl="criterium", en="criterion"), "id")
_PHASE = _Sort("phase", Text(nl="fase", en="phase"), apart=("gate",))
_VISIT = _Sort("visit", Text(nl="bezoek", en="visit"))
_CODE = _Sort("code", Text(nl="code", en="code"), "code")
_CODELIST = _Sort("codelist", Text(nl="codelijst", en="code list"), apart=("items",))
_FORM = _Sort("form", Text(nl="formulier", en="form"), apart=("sections", "checks"))
_SECTION = _Sort("section", Text(nl="onderdeel", en="section"), apart=("items",))
_ITEM = _Sort("item", Text(nl="item", en="item"))
_CHECK = _Sort("check", Text(nl="controle", en="check"))


def _matched(
    sort: _Sort, place: str, old: Sequence[Any], new: Sequence[Any]
) -> Iterator[tuple[Change | None, Any, Any]]:
    """(change, old part, new part) for each part of either side; no change yet where both sides have it."""
    before, after = ({getattr(part, sort.key): part for part in parts} for parts in (old, new))
    for key, part in after.items():
        if key not in before:
            yield _came(Kind.ADDED, sort, f"{place}.{key}", part), None, part
        else:
            yield None, before[key], part
    for key, part in before.items():
        if key not in after:
            yield _came(Kind.REMOVED, sort, f"{place}.{key}", part), part, None


def _came(kind: Kind, sort: _Sort, place: str, part: Any) -> Change:
    words = {
        Kind.ADDED: ("{} is nieuw.", "{} is new."),
        Kind.REMOVED: ("{} vervalt.", "{} is no longer there."),
    }[kind]
    return Change(
        kind,
        sort.part,
        place,
        Text(nl=words[0].format(_name(sort, part, "nl")), en=words[1].format(_name(sort, part, "en"))),
    )


def _name(sort: _Sort, part: Any, language: str) -> str:
    """The noun, the key and the label between quotation marks: ``Form madrs “MADRS”``."""
    noun = sort.noun(language)
    label = getattr(part, "label", None) or getattr(part, "text", None)
    quoted = f" “{_shortened(label(language))}”" if isinstance(label, Text) else ""
    return f"{noun[0].upper()}{noun[1:]} {getattr(part, sort.key)}{quoted}"


_MOST_SIGNS = 160


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"


def _fields(sort: _Sort, place: str, old: Part, new: Part) -> Iterator[Change]:
    """One change for each key whose value differs, but for the parts that have chapters of their own."""
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    # Keys in the order of the model; a key that only one side writes out is one that the other side lacks.
    for field in dict.fromkeys([*type(new).model_fields, *before, *after]):
        if field in sort.apart or field == "examples" or before.get(field) == after.get(field):
            continue
        text = Text(
            nl=_sentence(sort, new, field, before.get(field), after.get(field), "nl"),
            en=_sentence(sort, new, field, before.get(field), after.get(field), "en"),
        )
        yield Change(Kind.CHANGED, sort.part, place, text, field)


def _sentence(sort: _Sort, part: Part, field: str, old: Any, new: Any, language: str) -> str:
    what = _FIELDS[field](language) if field in _FIELDS else field
    name, before, after = _name(sort, part, language), _value(old, language), _value(new, language)
    if language == "nl":
        return f"{name}: {what} verandert van {before} in {after}."
    return f"{name}: {what} changes from {before} to {after}."


def _value(value: Any, language: str) -> str:
    words = {"nl": ("ja", "nee", "niets"), "en": ("yes", "no", "nothing")}[language]
    if value is None or value in ({}, [], ""):
        return words[2]
    if isinstance(value, bool):
        return words[0] if value else words[1]
    if isinstance(value, Mapping):
        return _mapping(value, language)
    if isinstance(value, list):
        return ", ".join(_value(entry, language) for entry in value)
    return f"“{_shortened(str(value))}”"


def _mapping(value: Mapping[str, Any], language: str) -> str:
    """A text in its language; a range as its ends; anything else as key and value."""
    if set(value) == {"nl", "en"}:
        return f"“{_shortened(str(value[language]))}”"
    if set(value) == {"min", "max"}:
        ends = ["…" if value[end] is None else str(value[end]) for end in ("min", "max")]
        return f"{ends[0]}–{ends[1]}"
    return ", ".join(f"{key}: {_value(entry, language)}" for key, entry in value.items() if entry is not None)


_FIELDS: dict[str, Text] = {
    "label": Text(nl="de tekst", en="the text"),
    "text": Text(nl="de tekst", en="the text"),
    "hint": Text(nl="de toelichting", en="the hint"),
    "message": Text(nl="de melding", en="the message"),
    "type": Text(nl="het type", en="the type"),
    "unit": Text(nl="de eenheid", en="the unit"),
    "range": Text(nl="het toegestane bereik", en="the range"),
    "soft_range": Text(nl="het verwachte bereik", en="the expected range"),
    "decimals": Text(nl="het aantal decimalen", en="the number of decimals"),
    "max_length": Text(nl="de grootste lengte", en="the greatest length"),
    "codelist": Text(nl="de codelijst", en="the code list"),
    "required": Text(nl="verplicht", en="required"),
    "missing_allowed": Text(nl="een reden zonder waarde toegestaan", en="a reason for no value allowed"),
    "ask_if": Text(nl="de voorwaarde om te vragen", en="the condition for asking"),
    "danger": Text(nl="wanneer het antwoord gevaar betekent", en="when the answer means danger"),
    "critical": Text(nl="kritisch", en="critical"),
    "verification": Text(nl="wat tegen de bron wordt geverifieerd", en="what is verified against the source"),
    "derive": Text(nl="de berekening", en="the derivation"),
    "score": Text(nl="de score", en="the score"),
    "severity": Text(nl="hard of zacht", en="hard or soft"),
    "fires_if": Text(nl="de regel", en="the rule"),
    "rule": Text(nl="de regel", en="the rule"),
    "items": Text(nl="de items waar het om gaat", en="the items it is about"),
    "day": Text(nl="de dag", en="the day"),
    "window": Text(nl="het venster in dagen", en="the window in days"),
    "repeat": Text(nl="de herhaling", en="the repetition"),
    "anchor": Text(nl="het ankerpunt", en="the anchor"),
    "arms": Text(nl="de armen", en="the arms"),
    "forms": Text(nl="de formulieren", en="the forms"),
    "layout": Text(nl="de opmaak", en="the layout"),
    "columns": Text(nl="de kolommen", en="the columns"),
    "lines": Text(nl="de regels van de tabel", en="the lines of the table"),
    "required_forms": Text(nl="de verplichte formulieren", en="the required forms"),
    "entered_by": Text(nl="wie het invult", en="who enters it"),
    "signed_by": Text(nl="wie het ondertekent", en="who signs it"),
    "reveals_allocation": Text(nl="onthult de toewijzing", en="reveals the allocation"),
    "repeating": Text(nl="meer rijen", en="many rows"),
    "ratio": Text(nl="de verhouding", en="the ratio"),
    "valid_from": Text(nl="de ingangsdatum", en="the day from which it is valid"),
    "version": Text(nl="het versienummer", en="the version number"),
    "target_participants": Text(nl="het aantal deelnemers", en="the number of participants"),
    "target": Text(nl="het streefaantal", en="the target"),
    "begins": Text(nl="de geplande begindatum", en="the planned day of beginning"),
    "recruitment": Text(nl="het plan van de werving", en="the plan of recruitment"),
    "flow": Text(nl="wat het stroomdiagram telt", en="what the flow diagram counts"),
    "confirm_with_protocol": Text(nl="te bevestigen met het protocol", en="to be confirmed with the protocol"),
    "blinded": Text(nl="geblindeerd", en="blinded"),
    "sees": Text(nl="wat deze rol ziet", en="what this role sees"),
}


# --- the chapters ----------------------------------------------------------------------------------------------------

_STUDY = _Sort(
    "study",
    Text(nl="studie", en="study"),
    "id",
    (
        "arms",
        "sites",
        "roles",
        "consents",
        "eligibility",
        "phases",
        "visits",
        "missing_reasons",
        "codelists",
        "forms",
        "randomization",
    ),
)


def _of_study(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    for change in _fields(_STUDY, "study", old, new):
        # The full title names the treatments, as the public title does not; the flow names the visits of an arm.
        named = replace(change, reveals=change.field in ("title", "flow"))
        yield _refused(named, _ONE_STUDY) if change.field == "id" else named


_ONE_STUDY = Text(nl="een installatie draait één studie", en="an installation runs one study")


def _keyed(
    sort: _Sort, name: str, *, reveals: bool = False
) -> Callable[[StudyDefinition, StudyDefinition], Iterator[Change]]:
    """A chapter about parts that differ in their own fields alone."""

    def changes(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
        for change, before, after in _matched(sort, name, getattr(old, name), getattr(new, name)):
            place = f"{name}.{getattr(after or before, sort.key)}"
            for found in [change] if change else _fields(sort, place, before, after):
                yield replace(found, reveals=reveals)

    return changes


def _of_eligibility(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    """Criteria name the treatments by their nature: none of this is for a blinded reader."""
    for change, before, after in _matched(_CRITERIA, "eligibility", old.eligibility, new.eligibility):
        place = f"eligibility.{(after or before).version}"
        found = [change] if change else [*_fields(_CRITERIA, place, before, after), *_criteria(place, before, after)]
        for each in found:
            yield replace(each, reveals=True)


def _criteria(place: str, old: Any, new: Any) -> Iterator[Change]:
    for change, before, after in _matched(_CRITERION, place, old.criteria, new.criteria):
        yield from [change] if change else _fields(_CRITERION, f"{place}.{after.id}", before, after)


def _of_phases(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    for change, before, after in _matched(_PHASE, "phases", old.phases, new.phases):
        if change:
            yield change
            continue
        place = f"phases.{after.key}"
        yield from _fields(_PHASE, place, before, after)
        if before.gate and after.gate:
            gate = _Sort("phase", Text(nl="fasebesluit", en="gate"), "visit")
            yield from _fields(gate, f"{place}.gate", before.gate, after.gate)
        elif before.gate or after.gate:
            yield _gate_came(place, after)


def _gate_came(place: str, phase: Any) -> Change:
    kind = Kind.ADDED if phase.gate else Kind.REMOVED
    words = {
        Kind.ADDED: ("krijgt een fasebesluit", "gets a gate"),
        Kind.REMOVED: ("heeft geen fasebesluit meer", "has no gate any more"),
    }[kind]
    text = Text(nl=f"{_name(_PHASE, phase, 'nl')} {words[0]}.", en=f"{_name(_PHASE, phase, 'en')} {words[1]}.")
    return Change(kind, "phase", f"{place}.gate", text)


def _of_visits(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    for change, before, after in _matched(_VISIT, "visits", old.visits, new.visits):
        key = (after or before).key
        reveals = any(visit.reveals_allocation for visit in (before, after) if visit)
        for found in [change] if change else _fields(_VISIT, f"visits.{key}", before, after):
            named = replace(found, visit=key, reveals=reveals)
            yield _refused(named, _RENAMED) if found.field in _NAMING and _is_renamed(before, after) else named


_NAMING = ("repeat",)
_RENAMED = Text(
    nl="de bezoeken zouden anders heten; geef het bezoek een nieuwe sleutel",
    en="the visits would be called differently; give the visit a new key",
)


def _is_renamed(old: VisitDefinition, new: VisitDefinition) -> bool:
    return old.slug(1) != new.slug(1)


def _refused(change: Change, why: Text) -> Change:
    """The change, named as one that no version may bring."""
    text = Text(nl=f"{change.text.nl} Niet toegestaan: {why.nl}.", en=f"{change.text.en} Not allowed: {why.en}.")
    return replace(change, text=text, forbidden=True)


def _of_codelists(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    yield from _codes("missing_reasons", old.missing_reasons, new.missing_reasons)
    open_lists = _shown_lists(old) | _shown_lists(new)
    for change, before, after in _matched(_CODELIST, "codelists", old.codelists, new.codelists):
        key = (after or before).key
        for found in [change] if change else _codes(f"codelists.{key}", before, after):
            yield replace(found, codelist=key, reveals=key not in open_lists)


def _shown_lists(definition: StudyDefinition) -> set[str | None]:
    """Code lists of items that a blinded role meets, and those of no item at all."""
    shown = {item.codelist for form in definition.forms for item in form.items if not _hides(form, item)}
    used = {item.codelist for form in definition.forms for item in form.items}
    return shown | {codelist.key for codelist in definition.codelists if codelist.key not in used}


def _hides(form: Form, item: Item) -> bool:
    return form.reveals_allocation or item.reveals_allocation


def _codes(place: str, old: CodeList, new: CodeList) -> Iterator[Change]:
    for change, before, after in _matched(_CODE, place, old.items, new.items):
        if change:
            yield _in_list(change, old.key)
        elif before.label != after.label:
            for found in _fields(_CODE, f"{place}.{after.code}", before, after):
                named = _in_list(found, old.key)
                yield _refused(named, _OTHER_MEANING) if _means_another(before.label, after.label) else named
    if [item.code for item in new.items if item.code in old.codes] != [
        item.code for item in old.items if item.code in new.codes
    ]:
        yield Change(Kind.CHANGED, "codelist", place, _reordered(_CODELIST, new), "items")


_OTHER_MEANING = Text(
    nl="een code houdt zijn betekenis; geef een nieuwe code of een nieuwe codelijst",
    en="a code keeps its meaning; use a new code or a new code list",
)


def _in_list(change: Change, key: str) -> Change:
    text = Text(nl=f"Codelijst {key}: {change.text.nl}", en=f"Code list {key}: {change.text.en}")
    return replace(change, text=text)


def _means_another(old: Text, new: Text) -> bool:
    """Other words in both languages. A correction of spelling, or of one language, leaves the meaning as it was."""
    return all(_bare(old(language)) != _bare(new(language)) for language in ("nl", "en"))


def _bare(text: str) -> str:
    return re.sub(r"\W+", " ", text).casefold().strip()


def _reordered(sort: _Sort, part: Any) -> Text:
    return Text(
        nl=f"{_name(sort, part, 'nl')}: de volgorde verandert.", en=f"{_name(sort, part, 'en')}: the order changes."
    )


def _of_forms(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    for change, before, after in _matched(_FORM, "forms", old.forms, new.forms):
        key = (after or before).key
        reveals = any(form.reveals_allocation for form in (before, after) if form)
        for found in [change] if change else _of_form(old, new, before, after):
            yield replace(found, form=key, reveals=reveals or found.reveals)


def _of_form(old: StudyDefinition, new: StudyDefinition, before: Form, after: Form) -> Iterator[Change]:
    place = f"forms.{after.key}"
    for change in _fields(_FORM, place, before, after):
        yield _refused(change, _ROWS) if change.field == "repeating" else change
    for came, first, second in _matched(_SECTION, place, before.sections, after.sections):
        yield from [came] if came else _fields(_SECTION, f"{place}.{second.key}", first, second)
    for came, first, second in _matched(_ITEM, place, before.items, after.items):
        yield from _of_item(old, new, after, came, first, second)
    yield from _regrouped(place, before, after)
    for came, first, second in _matched(_CHECK, f"{place}.checks", before.checks, after.checks):
        yield from _of_check((before, after), came, first, second)
    if _layout(before, after) != _layout(after, before):
        yield Change(Kind.CHANGED, "form", place, _reordered(_FORM, after), "sections")


_ROWS = Text(
    nl="een formulier met één rij wordt er geen met meer rijen, of omgekeerd; geef het een nieuwe sleutel",
    en="a form of one row does not become one of many, or the other way round; give it a new key",
)


def _regrouped(place: str, before: Form, after: Form) -> Iterator[Change]:
    """Items that would be kept under other keys: in rows now and not before, or the other way round."""
    for item in after.items:
        if before.has_item(item.key) and _group(before, item.key) != _group(after, item.key):
            text = Text(
                nl=f"{_name(_ITEM, item, 'nl')}: de groep verandert.",
                en=f"{_name(_ITEM, item, 'en')}: the group changes.",
            )
            change = Change(Kind.CHANGED, "item", f"{place}.{item.key}", text, "group", item=item.key)
            yield _refused(_on_form(change, after), _FOR_LIFE)


def _group(form: Form, key: str) -> str | None:
    group = form.group_of(key)
    return group.key if group else None


def _layout(form: Form, other: Form) -> list[tuple[str, str]]:
    """Section and item in order, as far as the other version has both."""
    sections = {section.key for section in other.sections}
    return [
        (section.key, item.key)
        for section in form.sections
        for item in section.items
        if section.key in sections and other.has_item(item.key)
    ]


def _of_item(
    old: StudyDefinition,
    new: StudyDefinition,
    form: Form,
    change: Change | None,
    before: Item | None,
    after: Item | None,
) -> Iterator[Change]:
    key = next(item.key for item in (after, before) if item)
    reveals = any(item.reveals_allocation for item in (before, after) if item)
    place = f"forms.{form.key}.{key}"
    found = [change] if change else list(_fields(_ITEM, place, before, after)) if before and after else []
    for each in found:
        why = _forbids(old, new, each.field, before, after) if before and after else None
        named = replace(_on_form(each, form), item=key, reveals=reveals)
        yield _refused(named, why) if why else named


_FOR_LIFE = Text(nl="geef het item een nieuwe sleutel", en="give the item a new key")


def _forbids(old: StudyDefinition, new: StudyDefinition, field: str, before: Item, after: Item) -> Text | None:
    if field in ("type", "unit"):
        return _FOR_LIFE
    if field == "codelist" and before.codelist and after.codelist:
        lists = old.codelist(before.codelist), new.codelist(after.codelist)
        if any(_means_another(*labels) for labels in _shared_labels(*lists)):
            return _OTHER_MEANING
    return None


def _shared_labels(old: CodeList, new: CodeList) -> Iterator[tuple[Text, Text]]:
    labels = {item.code: item.label for item in new.items}
    return ((item.label, labels[item.code]) for item in old.items if item.code in labels)


def _on_form(change: Change, form: Form) -> Change:
    return replace(
        change,
        text=Text(
            nl=f"Formulier {form.key}: {change.text.nl}",
            en=f"Form {form.key}: {change.text.en}",
        ),
    )


def _of_check(forms: tuple[Form, Form], change: Change | None, before: Any, after: Any) -> Iterator[Change]:
    key, form = (after or before).key, forms[1]
    hidden = {item.key for each in forms for item in each.items if item.reveals_allocation}
    touched = {item for check in (before, after) if check for item in check.items}
    place = f"forms.{form.key}.checks.{key}"
    for each in [change] if change else _fields(_CHECK, place, before, after):
        yield replace(_on_form(each, form), check=key, reveals=not hidden.isdisjoint(touched))


def _of_randomization(old: StudyDefinition, new: StudyDefinition) -> Iterator[Change]:
    before, after = old.randomization, new.randomization
    if before is not None and after is not None:
        sort = _Sort("randomization", Text(nl="randomisatie", en="randomisation"), "method")
        for change in _fields(sort, "randomization", before, after):
            yield replace(change, reveals=True, restricted=True)
    elif before is not after:
        kind = Kind.ADDED if after else Kind.REMOVED
        words = {
            Kind.ADDED: ("Er wordt gerandomiseerd.", "There is a randomisation now."),
            Kind.REMOVED: ("Er wordt niet meer gerandomiseerd.", "There is no randomisation any more."),
        }[kind]
        text = Text(nl=words[0], en=words[1])
        yield Change(kind, "randomization", "randomization", text, reveals=True, restricted=True)


_CHAPTERS: tuple[Callable[[StudyDefinition, StudyDefinition], Iterator[Change]], ...] = (
    _of_study,
    _keyed(_ARM, "arms", reveals=True),
    _keyed(_SITE, "sites"),
    _keyed(_ROLE, "roles"),
    _keyed(_CONSENT, "consents"),
    _of_eligibility,
    _of_phases,
    _of_visits,
    _of_codelists,
    _of_forms,
    _of_randomization,
)
