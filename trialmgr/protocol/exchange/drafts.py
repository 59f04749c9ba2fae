"""A study folder in the making, from a file of another system: what ODM and REDCap imports have in common.

Nothing is dropped in silence: whatever our language cannot hold becomes a notice. Parts that the other system does not
know (roles, consents, criteria) get placeholders marked ``confirm_with_protocol``. The folder appears only when it is
complete and ``check_study`` finds it sound.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trialmgr.protocol.check import CheckReport, check_study
from trialmgr.protocol.exchange.broken_rules import take_out
from trialmgr.protocol.exchange.yaml_writer import Noted, yaml_text
from trialmgr.protocol.expressions import RESERVED
from trialmgr.protocol.loader import CODELISTS_FILE, STUDY_FILE, StudyErrors
from trialmgr.protocol.model import Part, VisitDefinition
from trialmgr.protocol.yaml_source import LARGEST_FILE

REPORT_FILE = "import-report.txt"
LONGEST_KEY = 40
UNKNOWN_DATE = "2000-01-01"

_WORD = re.compile(r"[^a-z0-9]+")
_OUR_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_OUR_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,40}")
_SIGNS = {"%": " pct ", "+": " plus ", "<": " lt ", ">": " gt ", "=": " eq "}
_CODE = re.compile(r"[^A-Za-z0-9_.\-]+")


class ImportRefused(ValueError):
    """The file cannot be imported; the text is one line that names the place and the mend."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing the importer wants known. ``line``: where it stands in the file, None when it is about all of it."""

    message: str
    line: int | None = None

    def __str__(self) -> str:
        return self.message if self.line is None else f"line {self.line}: {self.message}"


@dataclass(slots=True)
class Notices:
    """``warnings``: what was wrong or had to be guessed. ``left_out``: what the study language cannot hold."""

    warnings: list[Notice] = field(default_factory=list)
    left_out: list[Notice] = field(default_factory=list)

    def warn(self, message: str, line: int | None = None) -> None:
        self.warnings.append(Notice(message, line or None))

    def leave_out(self, message: str, line: int | None = None) -> None:
        self.left_out.append(Notice(message, line or None))


@dataclass(slots=True)
class Draft:
    """The documents of a study folder, and what is to be told about them."""

    study: dict[str, Any]
    codelists: list[dict[str, Any]]
    forms: list[dict[str, Any]]
    notices: Notices


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import made: the checked study, and every notice in order of the file."""

    check: CheckReport
    source: str
    warnings: tuple[Notice, ...]
    left_out: tuple[Notice, ...]

    def lines(self) -> Iterator[str]:
        definition = self.check.definition
        items = sum(len(form.items) for form in definition.forms)
        yield (
            f"{self.source}: {len(definition.visits)} visits, {len(definition.forms)} forms, {items} items, "
            f"{len(definition.codelists)} code lists"
        )
        yield f"{len(self.warnings)} warnings"
        yield from (f"  {notice}" for notice in self.warnings)
        yield f"{len(self.left_out)} things the study language does not hold"
        yield from (f"  {notice}" for notice in self.left_out)


# --- keys and texts --------------------------------------------------------------------------------------------------


class Keys:
    """Gives each name of another system a key of ours: small letters, at most 40 characters, always the same."""

    def __init__(self, taken: Iterable[str] = (), *, fallback: str = "part") -> None:
        self._taken = set(taken)
        self._fallback = fallback

    def take(self, name: str) -> str:
        plain = name if _OUR_KEY.fullmatch(name) else plain_key(name) or self._fallback
        key, number = plain, 1
        while key in self._taken or key in RESERVED:
            number += 1
            key = f"{plain[: LONGEST_KEY - len(str(number)) - 1]}_{number}"
        self._taken.add(key)
        return key


def plain_key(name: str) -> str:
    """``Weight (kg)`` as ``weight_kg``; empty when the name has no letter or digit that a key may hold."""
    folded = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    key = _WORD.sub("_", folded).strip("_")
    return (key if key[:1].isalpha() or not key else f"x_{key}")[:LONGEST_KEY].rstrip("_")


def plain_code(code: str) -> str:
    """A code of a code list in the characters that our codes may have; one that has no other stays as it is."""
    if _OUR_CODE.fullmatch(code):
        return code
    folded = unicodedata.normalize("NFKD", code).encode("ascii", "ignore").decode()
    spelt = "".join(_SIGNS.get(sign, sign) for sign in folded)
    return _CODE.sub("_", spelt).strip("_")[:LONGEST_KEY] or "code"


def in_both(text: str) -> dict[str, str]:
    return {"nl": text, "en": text}


def in_order_of(model: type[Part], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in the order of the model, which is the order people read them in."""
    names = list(model.model_fields)
    return dict(sorted(mapping.items(), key=lambda entry: names.index(entry[0]) if entry[0] in names else len(names)))


# --- placeholders ----------------------------------------------------------------------------------------------------

_ROLES = (
    ("coordinator", "Onderzoekscoördinator", "Study coordinator"),
    ("investigator", "Onderzoeker", "Investigator"),
    ("monitor", "Monitor", "Monitor"),
    ("data_manager", "Datamanager", "Data manager"),
)
ENTERED_BY = ["coordinator", "investigator"]
SCREENING, ENTRY = "screening", "study"

_REASONS = (
    ("not_done", "Niet gedaan", "Not done"),
    ("refused", "Deelnemer wilde niet", "Participant declined"),
    ("unknown", "Onbekend", "Not known"),
    ("not_applicable", "Niet van toepassing", "Not applicable"),
)


def placeholders() -> dict[str, Any]:
    """The parts of a study that other systems do not keep in their metadata, each to be confirmed."""
    return {
        "schema_version": 1,
        "id": "study",
        "version": "0.1.0",
        "short_title": "Imported study",
        "title": in_both("Imported study"),
        "public_title": in_both("Imported study"),
        "registration": "not known",
        "sponsor": "not known",
        "target_participants": 1,
        "valid_from": UNKNOWN_DATE,
        "arms": [],
        "sites": [{"code": "SITE1", "name": "Site 1", "confirm_with_protocol": True}],
        "roles": _placeholder_roles(),
        "consents": [
            {
                "key": "consent_v1",
                "label": {"nl": "Toestemmingsformulier, versie 1", "en": "Consent form, version 1"},
                "valid_from": UNKNOWN_DATE,
                "confirm_with_protocol": True,
            }
        ],
        "eligibility": [_placeholder_criteria()],
        "phases": [
            {"key": SCREENING, "label": {"nl": "Screening", "en": "Screening"}, "opens": "registration"},
            {"key": ENTRY, "label": {"nl": "Onderzoek", "en": "Study"}, "opens": "enrolment"},
        ],
        "visits": [],
        "missing_reasons": {
            "key": "missing_reasons",
            "items": [{"code": code, "label": {"nl": nl, "en": en}} for code, nl, en in _REASONS],
        },
    }


def _placeholder_roles() -> list[dict[str, Any]]:
    roles: list[dict[str, Any]] = [
        {"key": key, "label": {"nl": nl, "en": en}, "blinded": False, "confirm_with_protocol": True}
        for key, nl, en in _ROLES
    ]
    administrator = {"key": "administrator", "label": {"nl": "Beheerder", "en": "Administrator"}}
    return [*roles, administrator | {"blinded": True, "sees": "nothing", "confirm_with_protocol": True}]


def _placeholder_criteria() -> dict[str, Any]:
    text = {"nl": "voldoet aan de criteria van het protocol", "en": "meets the criteria of the protocol"}
    criterion = {"id": "I1", "kind": "inclusion", "text": text, "confirm_with_protocol": True}
    return {"version": "1", "valid_from": UNKNOWN_DATE, "criteria": [criterion], "confirm_with_protocol": True}


def eligibility_form(key: str) -> dict[str, Any]:
    """The form every study needs and no other system flags: the judgement of eligibility."""
    judged_on = {"key": "judged_on", "type": "date", "missing_allowed": False}
    label = {"nl": "Datum van het oordeel", "en": "Date of the judgement"}
    section = {
        "key": "judgement",
        "label": {"nl": "Oordeel", "en": "Judgement"},
        "items": [judged_on | {"label": label}],
    }
    return Noted(
        {
            "key": key,
            "label": {"nl": "Beoordeling van geschiktheid", "en": "Eligibility"},
            "entered_by": ["investigator"],
            "eligibility": True,
            "confirm_with_protocol": True,
            "sections": [section],
        },
        "Placeholder: the imported file has no judgement of eligibility.",
    )


def visit(key: str, label: Mapping[str, str], forms: list[str], **other: Any) -> dict[str, Any]:
    """A visit of the phase that begins with enrolment, to be confirmed."""
    made = {"key": key, "label": dict(label), "phase": ENTRY, "forms": forms, "confirm_with_protocol": True, **other}
    if made["phase"] == ENTRY and "kind" not in other:
        made["anchor"] = "enrolment"
    return in_order_of(VisitDefinition, made)


def eligibility_visit(key: str, form: Mapping[str, Any]) -> dict[str, Any]:
    """The visit at which eligibility is judged, before enrolment."""
    note = "Placeholder: every study judges eligibility somewhere."
    return Noted(visit(key, form["label"], [form["key"]], phase=SCREENING), note)


# --- the folder ------------------------------------------------------------------------------------------------------


def save(draft: Draft, folder: Path, source: str) -> ImportReport:
    """Write the study to ``folder``, which must not exist or be empty; ImportRefused otherwise, nothing written."""
    refuse_used_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=folder.parent) as scratch:
            report = _write(draft, Path(scratch) / "study", source)
            _move(Path(scratch) / "study", folder)
    except OSError as error:
        raise ImportRefused(f"{folder}: the folder cannot be written ({error.strerror})") from None
    return report


def refuse_used_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise ImportRefused(f"{folder} is a file; name a folder that does not exist yet")
    if folder.is_dir() and any(folder.iterdir()):
        raise ImportRefused(f"{folder} is not empty; name a folder that does not exist yet")


def _write(draft: Draft, folder: Path, source: str) -> ImportReport:
    _refuse_form_names(draft.forms)
    (folder / "forms").mkdir(parents=True)
    report = ImportReport(_checked(draft, folder), source, tuple(draft.notices.warnings), tuple(draft.notices.left_out))
    (folder / REPORT_FILE).write_text("\n".join(report.lines()) + "\n", "utf-8")
    return report


def _refuse_form_names(forms: list[dict[str, Any]]) -> None:
    """A form's key becomes the name of its file."""
    keys = [str(form["key"]) for form in forms]
    for key in keys:
        if not _OUR_KEY.fullmatch(key) or keys.count(key) > 1:
            raise ImportRefused(f"the form key {key[:60]!r} is no key of small letters, digits and _, or stands twice")


def _checked(draft: Draft, folder: Path) -> CheckReport:
    """Write and check, without the rules that do not hold; each round takes out at least one."""
    while True:
        _write_documents(draft, folder)
        try:
            return check_study(folder)
        except StudyErrors as broken:
            taken = take_out(draft.forms, broken.errors)
            if not taken:
                raise _refusal(broken) from None
            for rule in taken:
                draft.notices.leave_out(rule)


def _refusal(broken: StudyErrors) -> ImportRefused:
    first, count = broken.errors[0], len(broken.errors)
    more = f" (and {count - 1} more)" if count > 1 else ""
    return ImportRefused(f"the file says what the study language does not allow: {first}{more}")


def _write_documents(draft: Draft, folder: Path) -> None:
    documents = {STUDY_FILE: draft.study, CODELISTS_FILE: {"codelists": draft.codelists}}
    documents |= {f"forms/{form['key']}.yaml": form for form in draft.forms}
    for name, document in documents.items():
        content = yaml_text(document).encode()
        if len(content) > LARGEST_FILE:
            raise ImportRefused(f"{name} would be larger than 1 MB; take long code lists out of the file first")
        (folder / name).write_bytes(content)


def _move(made: Path, folder: Path) -> None:
    """An empty folder gives way; a folder that somebody filled meanwhile does not."""
    if folder.is_dir():
        folder.rmdir()
    os.replace(made, folder)
