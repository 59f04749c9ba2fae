"""Wording packs: the licensed texts of an instrument, kept by a site outside the repository and shown in place of ours.

A pack is a folder of YAML files. Each has ``forms`` (by form key) or ``instruments`` (by the name under ``instrument``
of a form; holds for every form of that name), and under each ``label``, ``recall_period``, ``sections``, ``items`` and
``codelists``. A pack changes what is read on the screen and nothing else: the definition and its identity stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from trialmgr.protocol import integrity
from trialmgr.protocol.integrity.findings import Finding
from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.model import CodeList, Form, Item, ItemType, Part, Range, StudyDefinition, Text
from trialmgr.protocol.type_faults import place_of, type_errors
from trialmgr.protocol.yaml_source import DocumentPath, Place, StudyError, read_source


class ItemWording(Part):
    """The question in both languages; ``answers`` puts the numbers of an integer or a scale into words."""

    nl: str
    en: str
    hint: Text | None = None
    answers: dict[str, Text] = {}

    @property
    def text(self) -> Text:
        return Text(nl=self.nl, en=self.en)


class FormWording(Part):
    """The texts of one form; what is left out keeps the wording of the definition."""

    label: Text | None = None
    recall_period: Text | None = None
    sections: dict[str, Text] = {}
    items: dict[str, ItemWording] = {}
    codelists: dict[str, dict[str, Text]] = {}


class WordingFile(Part):
    """``licence``: under which licence the site holds these texts, in its own words."""

    licence: str | None = None
    forms: dict[str, FormWording] = {}
    instruments: dict[str, FormWording] = {}


@dataclass(frozen=True)
class Wording:
    """The texts of a pack by form key; every method falls back to the definition's own text."""

    forms: Mapping[str, FormWording] = field(default_factory=dict)

    def form_label(self, form: Form) -> Text:
        return self._of(form).label or form.label

    def recall_period(self, form: Form) -> Text | None:
        return self._of(form).recall_period or form.recall_period

    def section_label(self, form: Form, section_key: str) -> Text:
        own = next(section.label for section in form.sections if section.key == section_key)
        return self._of(form).sections.get(section_key, own)

    def item_label(self, form: Form, item_key: str) -> Text:
        """``item_key`` may name a row, as ``trials.2.drug``."""
        worded = self._of(form).items.get(form.item(item_key).key.rpartition(".")[2])
        return worded.text if worded else form.item(item_key).label

    def hint(self, form: Form, item_key: str) -> Text | None:
        worded = self._of(form).items.get(form.item(item_key).key.rpartition(".")[2])
        return (worded.hint if worded else None) or form.item(item_key).hint

    def answers(self, form: Form, item_key: str) -> Mapping[str, Text]:
        """Words for the numbers of an integer or a scale; empty when the pack has none."""
        worded = self._of(form).items.get(form.item(item_key).key.rpartition(".")[2])
        return worded.answers if worded else {}

    def code_label(self, form: Form, codelist: CodeList, code: str) -> Text:
        own = next(entry.label for entry in codelist.items if entry.code == code)
        return self._of(form).codelists.get(codelist.key, {}).get(code, own)

    def covers(self, form: Form) -> bool:
        """Whether every question that a person answers on this form has a text in the pack."""
        return {item.key for item in form.items if not item.is_derived} <= self._of(form).items.keys()

    def _of(self, form: Form) -> FormWording:
        return self.forms.get(form.key, _OWN)


_OWN = FormWording()


def load_wording(folder: Path, definition: StudyDefinition) -> Wording:
    """The pack in ``folder`` (without one, no wording but our own); StudyErrors with every fault otherwise.

    What is said of a form stands above what is said of its instrument.
    """
    reading = _Reading(folder, definition)
    for path in sorted(folder.glob("*.yaml")):
        reading.read(path.name)
    if reading.errors:
        raise StudyErrors(reading.errors)
    return Wording(reading.forms)


class _Reading:
    """The files of one pack, put together; a text that stands in two files is a fault."""

    def __init__(self, folder: Path, definition: StudyDefinition) -> None:
        self.folder, self.definition = folder, definition
        self.errors: list[StudyError] = []
        self.forms: dict[str, FormWording] = {}
        self._seen: dict[tuple[str, str], str] = {}

    def read(self, name: str) -> None:
        source = read_source(self.folder, name)
        self.errors.extend(source.errors)
        if source.document is None:
            return
        places = {(): Place(name, 1, 1), **source.places}
        try:
            pack = WordingFile.model_validate(source.document)
        except ValidationError as failed:
            self.errors.extend(type_errors(WordingFile, failed, places))
            return
        for finding in self._take(name, pack):
            self.errors.append(place_of(places, finding.path).error(finding.message, finding.mend))

    def _take(self, name: str, pack: WordingFile) -> Iterator[Finding]:
        for path, key, worded in _parts(pack):
            if (path[0], key) in self._seen:
                yield Finding(path, f"`{key}` stands in {self._seen[path[0], key]} too", "keep one of the two")
            self._seen[path[0], key] = name
            forms = [
                form for form in self.definition.forms if key == (form.key if path[0] == "forms" else form.instrument)
            ]
            if not forms:
                yield _unknown(path, key, [_name_of(path[0], form) for form in self.definition.forms])
            for form in forms:
                yield from _faults(path, worded, form, self.definition)
                self._keep(form.key, worded, stronger=path[0] == "forms")

    def _keep(self, key: str, worded: FormWording, *, stronger: bool) -> None:
        held = self.forms.get(key, _OWN)
        weak, strong = (held, worded) if stronger else (worded, held)
        self.forms[key] = FormWording(
            label=strong.label or weak.label,
            recall_period=strong.recall_period or weak.recall_period,
            sections={**weak.sections, **strong.sections},
            items={**weak.items, **strong.items},
            codelists={**weak.codelists, **strong.codelists},
        )


def _parts(pack: WordingFile) -> Iterator[tuple[tuple[str, str], str, FormWording]]:
    for kind, worded_forms in (("forms", pack.forms), ("instruments", pack.instruments)):
        for key, worded in worded_forms.items():
            yield (kind, key), key, worded


def _name_of(kind: str, form: Form) -> str:
    return form.key if kind == "forms" else form.instrument or ""


def _unknown(path: DocumentPath, key: str, names: list[str]) -> Finding:
    known = ", ".join(sorted({name for name in names if name})[:12]) or "none is defined"
    what = "the study has no form" if path[0] == "forms" else "no form of the study has the instrument"
    return Finding(path, f"{what} `{key}`", f"use one of: {known}")


def _faults(path: DocumentPath, worded: FormWording, form: Form, definition: StudyDefinition) -> Iterator[Finding]:
    yield from _strangers((*path, "sections"), worded.sections, {section.key for section in form.sections}, form)
    yield from _strangers((*path, "items"), worded.items, {item.key for item in form.items}, form)
    for key, item in worded.items.items():
        if form.has_item(key):
            lists = definition.codelists
            yield from _strange_answers((*path, "items", key, "answers"), item, form.item(key), lists)
    lists_of_form = {item.codelist for item in form.items if item.codelist}
    yield from _strangers((*path, "codelists"), worded.codelists, lists_of_form, form)
    for key in worded.codelists.keys() & lists_of_form:
        codes = definition.codelist(key).codes
        yield from _strangers((*path, "codelists", key), worded.codelists[key], codes, form)
    yield from _texts(path, worded, form, definition)


def _strangers(
    path: DocumentPath, given: Mapping[str, object], known: set[str] | frozenset[str], form: Form
) -> Iterator[Finding]:
    for key in given:
        if key not in known:
            choice = ", ".join(sorted(known)[:12]) or "none is defined"
            yield Finding((*path, key), f"the form {form.key} has no `{key}`", f"use one of: {choice}")


def _strange_answers(
    path: DocumentPath, worded: ItemWording, item: Item, lists: tuple[CodeList, ...]
) -> Iterator[Finding]:
    codes = next((codelist.codes for codelist in lists if codelist.key == item.codelist), frozenset())
    for answer in worded.answers:
        if answer not in codes and not _is_number_of(item, answer):
            yield Finding((*path, answer), f"`{answer}` is no answer to {item.key}", "name a code or a number in range")


def _is_number_of(item: Item, answer: str) -> bool:
    if item.type not in (ItemType.INTEGER, ItemType.SCALE) or not answer.isdecimal():
        return False
    ends = item.range or Range()
    return (ends.min is None or ends.min <= Decimal(answer)) and (ends.max is None or Decimal(answer) <= ends.max)


def _texts(path: DocumentPath, worded: FormWording, form: Form, definition: StudyDefinition) -> Iterator[Finding]:
    """Empty texts, and words that would tell a blinded reader the arm."""
    for where, text, hidden in _all_texts(path, worded, form):
        for language in ("nl", "en"):
            if not text(language).strip():
                yield Finding((*where, language), f"the text in {language} is empty", "write it in both languages")
            named = None if hidden else integrity.arm_named(definition, text(language))
            if named:
                yield Finding((*where, language), f"blinded roles would read `{named}`", "use words that name no arm")


def _all_texts(path: DocumentPath, worded: FormWording, form: Form) -> Iterator[tuple[DocumentPath, Text, bool]]:
    """Every text with its place, and whether blinded roles never meet it."""
    shown = form.reveals_allocation
    for name, text in (("label", worded.label), ("recall_period", worded.recall_period)):
        if text is not None:
            yield (*path, name), text, shown
    for key, text in worded.sections.items():
        yield (*path, "sections", key), text, shown
    for key, item in worded.items.items():
        hidden = shown or (form.has_item(key) and form.item(key).reveals_allocation)
        yield (*path, "items", key), item.text, hidden
        yield from (((*path, "items", key, "hint"), text, hidden) for text in (item.hint,) if text is not None)
        yield from (((*path, "items", key, "answers", answer), text, hidden) for answer, text in item.answers.items())
    for key, codes in worded.codelists.items():
        yield from (((*path, "codelists", key, code), text, shown) for code, text in codes.items())
