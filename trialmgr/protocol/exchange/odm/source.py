"""Reads the XML of an ODM file: safely, tolerantly, and without keeping its clinical data.

A document type declaration is refused where it stands, so no entity is ever declared, let alone expanded or fetched
(OWASP ASVS 5.0 V1.5.1). Elements out of the schema's order are told and read all the same. What stands in ClinicalData
and ReferenceData is counted; only its shape is remembered (``clinical.Survey``).
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.parsers import expat  # refuses declarations itself, see _Builder.declaration

from trialmgr.protocol.exchange.drafts import ImportRefused, Notices
from trialmgr.protocol.exchange.odm.clinical import Survey
from trialmgr.protocol.exchange.odm.elements import Element, order_errors

LARGEST_FILE = 64_000_000
DEEPEST = 60
MOST_ELEMENTS = 3_000_000
_CHUNK = 65_536

_NAMESPACES = frozenset(f"http://www.cdisc.org/ns/odm/v{version}" for version in ("1.2", "1.3"))
_XML = "http://www.w3.org/XML/1998/namespace"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_SEPARATOR = " "


@dataclass(slots=True)
class OdmSource:
    """The file: its root without clinical data, what was counted of those, and what other systems added."""

    root: Element
    survey: Survey
    notices: Notices
    foreign: dict[str, int] = field(default_factory=dict)


def read_source(path: Path) -> OdmSource:
    """ImportRefused, with file, line and mend, when the file is not an ODM 1.2 or 1.3 document."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ImportRefused(
                f"{path.name} is larger than {LARGEST_FILE // 1_000_000} MB; export it again without clinical data"
            )
        with path.open("rb") as file:
            return _Builder(path.name).read(file)
    except OSError as error:
        raise ImportRefused(f"{path}: the file cannot be read ({error.strerror})") from None


def source_of(content: bytes, name: str = "ODM") -> OdmSource:
    """The same, of a document in memory."""
    return _Builder(name).read(io.BytesIO(content))


class _Builder:
    """Takes the parser's events and builds the tree of the metadata."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notices = Notices()
        self.survey = Survey()
        self.foreign: dict[str, int] = {}
        self._open: list[Element] = []
        self._root = Element("ODM")
        self._count = 0
        self._parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
        self._parser.namespace_prefixes = True
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._declaration
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def read(self, file: IO[bytes]) -> OdmSource:
        try:
            while chunk := file.read(_CHUNK):
                self._parser.Parse(chunk, False)
            self._parser.Parse(b"", True)
        except expat.ExpatError as broken:
            raise self._refused(_problem(broken), line=broken.lineno) from None
        except (LookupError, ValueError) as unknown:
            if isinstance(unknown, ImportRefused):
                raise
            raise self._refused("the file names an encoding that is not known; save it as UTF-8", line=1) from None
        return OdmSource(self._root, self.survey, self.notices, self.foreign)

    def _refused(self, message: str, *, line: int | None = None) -> ImportRefused:
        return ImportRefused(f"{self.name}, line {line or self._parser.CurrentLineNumber}: {message}")

    def _declaration(self, *_of_document_type: object) -> None:
        raise self._refused("the file has a DOCTYPE, which ODM does not use; remove it and its entities")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEEPEST or self._count > MOST_ELEMENTS:
            raise self._refused("the file is nested too deep or has too many elements to be ODM metadata")
        element = Element(self._tag(name), self._attributes(attributes), self._parser.CurrentLineNumber)
        if not self._open:
            self._check_root(name, element)
            self._root = element
        self._open.append(element)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        for child, later in order_errors(element):
            self.notices.warn(
                f"{child.tag} stands after {later} in {_called(element)}; the schema wants it before", child.line
            )
        if not self._open:
            return
        parent = self._open[-1]
        if parent.tag in ("ClinicalData", "ReferenceData"):
            self.survey.take(element)
            element = Element(element.tag, {}, element.line)  # its place in the order is all that is kept
        parent.children.append(element)

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _tag(self, name: str) -> str:
        namespace, local, _prefix = _parts(name)
        if namespace in _NAMESPACES or not namespace:
            return local
        self._count_foreign(name)
        return f"{{{namespace}}}{local}"

    def _attributes(self, attributes: dict[str, str]) -> dict[str, str]:
        """Those of ODM under their own name, xml:lang as ``lang``, those of others under ``prefix:name``."""
        own: dict[str, str] = {}
        for name, value in attributes.items():
            namespace, local, prefix = _parts(name)
            if not namespace or namespace in _NAMESPACES or namespace == _XML:
                own[local] = value
            elif namespace != _INSTANCE:
                own[f"{prefix}:{local}"] = value
                self._count_foreign(f"{namespace} @{local} {prefix}")
        return own

    def _count_foreign(self, name: str) -> None:
        namespace, local, prefix = _parts(name)
        shown = local.removeprefix("@")
        told = f"@{prefix}:{shown}" if local.startswith("@") else f"{prefix or namespace}:{shown}"
        self.foreign[told] = self.foreign.get(told, 0) + 1

    def _check_root(self, name: str, root: Element) -> None:
        namespace, local, _prefix = _parts(name)
        version = root.get("ODMVersion")
        if local == "ODM" and (version.startswith("2") or namespace.endswith("/odm/v2.0")):
            raise self._refused("this is ODM 2.0; export the study as ODM 1.3.2")
        if local != "ODM" or (namespace and namespace not in _NAMESPACES):
            raise self._refused(f"the root is {local}, not the ODM of CDISC ODM 1.3; name an ODM 1.3.2 file")
        if not namespace:
            self.notices.warn("the root stands in no namespace; it is read as ODM 1.3", root.line)


def _called(element: Element) -> str:
    """The element with what tells it from its like."""
    names = ("OID", "SubjectKey", "StudyEventOID", "FormOID", "ItemGroupOID", "ItemOID", "CodedValue")
    name = next((element.get(name) for name in names if element.get(name)), "")
    return f"{element.tag} {name}".strip()


def _parts(name: str) -> tuple[str, str, str]:
    """Namespace, local name and prefix of a name as the parser tells it."""
    parts = name.split(_SEPARATOR)
    if len(parts) == 1:
        return "", parts[0], ""
    return parts[0], parts[1], parts[2] if len(parts) > 2 else ""


def _problem(broken: expat.ExpatError) -> str:
    reason = expat.ErrorString(broken.code)
    if "encoding" in reason or "token" in reason:
        return f"the XML cannot be read ({reason}); save the file as UTF-8, with < and & written as &lt; and &amp;"
    if reason == "no element found":
        return "the XML stops too early; export the file again"
    return f"the XML cannot be read ({reason}); export the file again"
