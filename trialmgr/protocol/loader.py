"""Reads a study folder into a ``StudyDefinition``, or tells every fault with its file, line and key.

Layout: ``study.yaml``, ``codelists.yaml``, ``forms/*.yaml`` (one form each) and, where the allocation is made here,
``restricted/randomization.yaml``. Faults of form (YAML, unknown keys, wrong types) are told first, all at once; when
there are none, all faults of meaning (references, blinding, expressions).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trialmgr.protocol import integrity
from trialmgr.protocol.integrity.findings import Finding
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.type_faults import place_of, type_errors
from trialmgr.protocol.yaml_source import DocumentPath, Place, Scalar, StudyError, YamlSource, read_source

STUDY_FILE = "study.yaml"
CODELISTS_FILE = "codelists.yaml"
RANDOMIZATION_FILE = "restricted/randomization.yaml"
SCHEMA_VERSION = 1


class StudyErrors(ValueError):
    """All faults of a study folder, in order of file and line."""

    def __init__(self, errors: list[StudyError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: (error.file, error.line, error.column, error.message)))
        super().__init__("\n".join(str(error) for error in self.errors))


@dataclass(frozen=True, slots=True)
class ReadStudy:
    """A definition and the place of each of its keys."""

    definition: StudyDefinition
    places: Mapping[DocumentPath, Place]


def load_study(folder: Path) -> StudyDefinition:
    """The definition in ``folder``; StudyErrors holding every fault otherwise."""
    return read_study(folder).definition


def read_study(folder: Path) -> ReadStudy:
    """The definition in ``folder`` with the places of its keys; StudyErrors holding every fault otherwise."""
    reading = _Reading(folder)
    return ReadStudy(reading.definition(), reading.places)


class _Reading:
    """The files of one folder, put together into one document with the places of its keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document: dict[str, Any] = {}
        self.places: dict[DocumentPath, Place] = {(): Place(STUDY_FILE, 1, 1)}
        self.scalars: dict[DocumentPath, Scalar] = {}
        self.errors: list[StudyError] = []

    def definition(self) -> StudyDefinition:
        self._read_all()
        self._stop_on_errors()
        definition = self._typed()
        for finding in integrity.findings(definition):
            self.errors.append(self._place_in_text(finding).error(finding.message, finding.mend))
        self._check_file_names(definition)
        self._stop_on_errors()
        return definition

    def _stop_on_errors(self) -> None:
        if self.errors:
            raise StudyErrors(self.errors)

    def _read_all(self) -> None:
        if not self.folder.is_dir():
            raise StudyErrors(
                [StudyError(str(self.folder), 1, 1, "", "there is no such folder", "name a study folder")]
            )
        self._read_study()
        self._read_codelists()
        self._read_forms()
        if (self.folder / RANDOMIZATION_FILE).exists():
            self.document["randomization"] = self._read(RANDOMIZATION_FILE, ("randomization",)).document

    def _read(self, name: str, prefix: DocumentPath) -> YamlSource:
        source = read_source(self.folder, name)
        self.errors.extend(source.errors)
        placed = {(*prefix, *path): place for path, place in source.places.items()}
        self.places.update({path: place for path, place in placed.items() if path})
        self.scalars.update({(*prefix, *path): scalar for path, scalar in source.scalars.items()})
        return source

    def _read_study(self) -> None:
        document = self._read(STUDY_FILE, ()).document
        if document is None:
            return
        for key in ("codelists", "forms", "randomization"):
            if key in document:
                self.errors.append(
                    self._place((key,)).error("this key has a file of its own", f"move it: {_home(key)}")
                )
        self.document.update(document)
        if document.get("schema_version") == str(SCHEMA_VERSION):
            self.document["schema_version"] = SCHEMA_VERSION

    def _read_codelists(self) -> None:
        source = self._read(CODELISTS_FILE, ())
        document = source.document or {}
        self.document["codelists"] = document.get("codelists") or []
        for key in document:
            if key != "codelists":
                self.errors.append(
                    source.places[(key,)].error("only `codelists` stands in this file", "remove the key")
                )

    def _read_forms(self) -> None:
        forms: list[Any] = []
        for path in sorted((self.folder / "forms").glob("*.y*ml")):
            name = f"forms/{path.name}"
            if path.suffix != ".yaml":
                self.errors.append(
                    StudyError(name, 1, 1, "", "this file is not read", "rename it so that it ends in .yaml")
                )
            elif (document := self._read(name, ("forms", len(forms))).document) is not None:
                forms.append(document)
        if not forms and not self.errors:
            self.errors.append(
                StudyError("forms", 1, 1, "", "the study has no forms", "write one file a form in forms/")
            )
        self.document["forms"] = forms

    def _typed(self) -> StudyDefinition:
        try:
            return StudyDefinition.model_validate(self.document)
        except ValidationError as failed:
            raise StudyErrors(type_errors(StudyDefinition, failed, self.places)) from None

    def _place_in_text(self, finding: Finding) -> Place:
        """Of a fault in an expression the sign itself, else the key."""
        place, scalar = self._place(finding.path), self.scalars.get(finding.path)
        if scalar is None or finding.sign is None:
            return place
        here: Any = self.document
        for step in finding.path:
            here = here[step]
        line, column = scalar.place_of(str(here), finding.sign)
        return place._replace(line=line, column=column)

    def _place(self, path: DocumentPath) -> Place:
        return place_of(self.places, path)

    def _check_file_names(self, definition: StudyDefinition) -> None:
        for number, form in enumerate(definition.forms):
            place = self._place(("forms", number, "key"))
            if Path(place.file).stem != form.key:
                self.errors.append(
                    place.error(f"the form {form.key} stands in {place.file}", f"name the file forms/{form.key}.yaml")
                )


def _home(key: str) -> str:
    return {"codelists": CODELISTS_FILE, "forms": "forms/<key>.yaml", "randomization": RANDOMIZATION_FILE}[key]
