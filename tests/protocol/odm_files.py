"""Small ODM files for tests: a file is written as its parts, what every file has around them is added."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trialmgr.protocol.exchange.drafts import Draft, ImportReport
from trialmgr.protocol.exchange.imports import import_study
from trialmgr.protocol.exchange.odm.imports import draft_of
from trialmgr.protocol.exchange.odm.source import source_of

SHIPPED = Path(__file__).parents[1] / "data" / "odm"
NAMESPACE = "http://www.cdisc.org/ns/odm/v1.3"

FORM = """
<FormDef OID="F.1" Name="Form" Repeating="No"><ItemGroupRef ItemGroupOID="IG.1" Mandatory="No"/></FormDef>
<ItemGroupDef OID="IG.1" Name="Group" Repeating="No">{references}</ItemGroupDef>
"""


def odm(content: str, *, around: str = "", attributes: str = "", version: str = "1.3.2") -> str:
    """A document; ``around`` stands after the study."""
    return (
        f'<ODM xmlns="{NAMESPACE}" ODMVersion="{version}" FileType="Snapshot" FileOID="f" {attributes}>'
        f'<Study OID="S.1"><GlobalVariables><StudyName>Study</StudyName></GlobalVariables>{content}</Study>'
        f"{around}</ODM>"
    )


def metadata(content: str, *, before: str = "", **other: Any) -> str:
    """A document with one version; ``before`` stands before it."""
    return odm(f'{before}<MetaDataVersion OID="MDV.1" Name="One">{content}</MetaDataVersion>', **other)


def one_form(items: str, *oids: str, mandatory: str = "Yes", before: str = "", **other: Any) -> str:
    """A document with one form that holds the items of these OIDs."""
    references = "".join(f'<ItemRef ItemOID="{oid}" Mandatory="{mandatory}"/>' for oid in oids)
    return metadata(FORM.format(references=references) + items, before=before, **other)


def draft(text: str) -> Draft:
    return draft_of(source_of(text.encode()))


def items_of(made: Draft, form: int = 0) -> list[dict[str, Any]]:
    return [item for section in made.forms[form]["sections"] for item in section["items"]]


def imported(text: str | bytes, folder: Path, name: str = "file.xml") -> ImportReport:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return import_study(file, folder / "study")


def told(notices: Iterable[object]) -> str:
    return "\n".join(map(str, notices))
