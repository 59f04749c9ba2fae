"""JSON Schema (2020-12) of the files of a study, so that an editor completes keys and checks them while typing.

One schema a kind of file, made from the typed model. What only the whole study can tell (references, expressions,
blinding) is left to ``study check``. A text may be written as a bare number, as the loader allows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from trialmgr.protocol.key_meanings import MEANINGS
from trialmgr.protocol.model import CodeList, Form, Part, RandomizationDesign, StudyDefinition
from trialmgr.protocol.scoring import FUNCTIONS
from trialmgr.protocol.wording import WordingFile

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_IN_FILES_OF_THEIR_OWN = ("codelists", "forms", "randomization")
# A text whose pattern no number fits must be a text; any other may be written as a number.
_PATTERNS_OF_WORDS = ("^[a-z]", "^[A-Z]", "^[IE]")

Schema = dict[str, Any]


class CodeListFile(Part):
    """The file ``codelists.yaml``: the code lists that items choose from."""

    codelists: tuple[CodeList, ...]


def schema_of(part: type[BaseModel], title: str, *, without: tuple[str, ...] = ()) -> Schema:
    """The schema of a file that holds ``part``; ``without``: keys that stand in another file."""
    schema = part.model_json_schema(by_alias=True)
    for key in without:
        schema["properties"].pop(key)
        schema["required"] = [name for name in schema["required"] if name != key]
    for name, piece in (*schema.get("$defs", {}).items(), (part.__name__, schema)):
        _describe(name, piece)
    for piece in list(_pieces(schema)):
        _loosen(piece)
    schema["title"] = title
    return {"$schema": DIALECT, **schema}


def _describe(part: str, piece: Schema) -> None:
    piece.pop("title", None)
    for key, described in piece.get("properties", {}).items():
        described.pop("title", None)
        described["description"] = MEANINGS.get(f"{part}.{key}") or MEANINGS.get(key, "")
    if part == "Score":
        piece["properties"]["function"]["enum"] = sorted(FUNCTIONS)


def _pieces(schema: Any) -> Iterator[Schema]:
    """Every object inside a schema, itself included."""
    waiting = [schema]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield here
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _loosen(piece: Schema) -> None:
    """A key that may be left out need not be null, which gives plainer faults; a text may be a bare number."""
    options = [option for option in piece.get("anyOf", []) if option.get("type") != "null"]
    if len(options) == 1 and "default" in piece:
        del piece["anyOf"]
        piece.update(options[0])
    is_text = piece.get("type") == "string" and not {"enum", "const"} & piece.keys()
    if is_text and not str(piece.get("pattern", "")).startswith(_PATTERNS_OF_WORDS):
        piece["type"] = ["string", "number"]


_KINDS: dict[str, tuple[str, Callable[[], Schema]]] = {
    "study.schema.json": (
        "study.yaml",
        lambda: schema_of(StudyDefinition, "Study definition", without=_IN_FILES_OF_THEIR_OWN),
    ),
    "codelists.schema.json": ("codelists.yaml", lambda: schema_of(CodeListFile, "Code lists")),
    "form.schema.json": ("forms/*.yaml", lambda: schema_of(Form, "Form")),
    "randomization.schema.json": (
        "restricted/randomization.yaml",
        lambda: schema_of(RandomizationDesign, "Randomisation design"),
    ),
    "wording.schema.json": ("wording/*.yaml", lambda: schema_of(WordingFile, "Wording pack")),
}

FILES_OF: dict[str, str] = {name: pattern for name, (pattern, _make) in _KINDS.items()}
"""Name of each schema and the files it is for, as a pattern under the study's folder."""


def schemas() -> dict[str, Schema]:
    """Every schema by the name of its file."""
    return {name: make() for name, (_pattern, make) in _KINDS.items()}


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write every schema into ``folder`` (made when absent) and give the paths; OSError when that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in schemas().items():
        path = folder / name
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return tuple(written)


def editor_settings(folder: str) -> dict[str, dict[str, str]]:
    """Settings for editors with the YAML language server: which schema in ``folder`` is for which files."""
    return {"yaml.schemas": {f"{folder}/{name}": f"**/{pattern}" for name, pattern in FILES_OF.items()}}
