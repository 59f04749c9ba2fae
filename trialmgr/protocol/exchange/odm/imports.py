"""A CDISC ODM 1.3 file as the draft of a study folder.

Source: CDISC ODM 1.3.2. Read by the standard, for the exports of any system; what they add in namespaces of their own
is counted and told. ODM knows no phases, days, windows, roles, consents or criteria: those are placeholders, unless
the file is ours (``extension``).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from trialmgr.protocol.exchange.drafts import (
    Draft,
    ImportReport,
    Keys,
    placeholders,
    plain_key,
    refuse_used_folder,
    save,
)
from trialmgr.protocol.exchange.odm.codelists import MISSING_REASONS, read_codelists
from trialmgr.protocol.exchange.odm.definitions import Definitions, tell_what_has_no_place
from trialmgr.protocol.exchange.odm.elements import Element
from trialmgr.protocol.exchange.odm.extension import SYSTEM, rests_of
from trialmgr.protocol.exchange.odm.forms import FormReader
from trialmgr.protocol.exchange.odm.items import ItemReader
from trialmgr.protocol.exchange.odm.logic import Logic
from trialmgr.protocol.exchange.odm.source import OdmSource, read_source
from trialmgr.protocol.exchange.odm.texts import Translations
from trialmgr.protocol.exchange.odm.vendors import UNDERSTOOD
from trialmgr.protocol.exchange.odm.versions import choose_version
from trialmgr.protocol.exchange.odm.visits import VisitReader

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def import_odm(path: Path, folder: Path) -> ImportReport:
    """Make the study folder that an ODM file describes. ImportRefused, and nothing written, when it cannot be."""
    refuse_used_folder(folder)
    return save(draft_of(read_source(path)), folder, path.name)


def draft_of(source: OdmSource) -> Draft:
    """The documents of the study; the notices of the source have grown when this returns."""
    return _Reading(source).draft()


class _Reading:
    def __init__(self, source: OdmSource) -> None:
        self.source, self.notices, self.texts = source, source.notices, Translations()
        self.ours = source.root.get("SourceSystem") == SYSTEM
        chosen = choose_version(source)
        self.study, self.version = chosen.study, chosen.version
        self.protocol = self.version.first("Protocol")
        self.kept = rests_of(self.protocol)
        self.definitions = Definitions(self.study, self.version, self.notices)
        self.lists = read_codelists(self.definitions, self.texts, self.notices, ours=self.ours)

    def draft(self) -> Draft:
        logic = Logic(self.definitions, self.notices)
        items = ItemReader(self.definitions, self.lists, self.texts, self.notices, logic, not self.ours)
        forms = FormReader(self.definitions, self.texts, self.notices, logic, items, not self.ours)
        visits = VisitReader(self.definitions, self.texts, self.notices, forms, self.kept, not self.ours)
        made = visits.read()
        study = self._study() | {"visits": made.visits}
        lists = [found.document for found in self.lists.values() if not found.is_missing_reasons]
        self._tell()
        return Draft(_ordered(study), lists, made.forms, self.notices)

    def _study(self) -> dict[str, Any]:
        study = placeholders() | self._named()
        for found in self.lists.values():
            if found.is_missing_reasons:
                study[MISSING_REASONS] = {k: v for k, v in found.document.items() if k != MISSING_REASONS}
        study |= self._administration()
        return {key: value for key, value in (study | self.kept).items() if value is not None}

    def _named(self) -> dict[str, Any]:
        variables = self.study.first("GlobalVariables") or Element("GlobalVariables")
        words = {child.tag: child.words() for child in variables.children}
        name = words.get("StudyName") or self.study.get("OID") or "Imported study"
        protocol_name = words.get("ProtocolName") or name
        title = self.texts.text(self.protocol.first("Description") if self.protocol else None)
        return {
            "id": (self.study.get("OID").removeprefix("S.") if self.ours else plain_key(protocol_name)) or "study",
            "version": self.version.get("Name") or self.version.get("OID") or "1",
            "short_title": name,
            "title": title or self.texts.text(None, words.get("StudyDescription") or name),
            "public_title": self.texts.text(None, name),
            "registration": protocol_name if protocol_name != name else "not known",
        }

    def _administration(self) -> dict[str, Any]:
        """Sites and sponsor, where the file has locations; the date of the version at the first of them."""
        locations = [place for admin in self.source.root.all("AdminData") for place in admin.all("Location")]
        codes = Keys()
        sites = [self._site(place, codes) for place in locations if place.get("LocationType") in ("Site", "")]
        found: dict[str, Any] = {"sites": sites} if sites else {}
        sponsor = next((place for place in locations if place.get("LocationType") == "Sponsor"), None)
        if sponsor is not None:
            found["sponsor"] = sponsor.get("Name")
        dates = [ref.get("EffectiveDate") for place in locations for ref in place.all("MetaDataVersionRef")]
        date = next((d for d in [*dates, self.source.root.get("CreationDateTime")[:10]] if _DATE.fullmatch(d)), None)
        return found | ({"valid_from": date} if date else {})

    def _site(self, location: Element, codes: Keys) -> dict[str, Any]:
        bare = re.sub(r"^(?:L|LOC|Location\.OID)[._-]", "", location.get("OID"), flags=re.IGNORECASE)
        suggestion = re.sub(r"[^a-z0-9]", "", bare.casefold())[:6]
        whole = len(suggestion) > 1 and suggestion[0].isalpha()
        code = codes.take(suggestion if whole else f"site{suggestion}"[:6]).replace("_", "").upper()[:8]
        site: dict[str, Any] = {"code": code, "name": location.get("Name") or code}
        return site if self.ours else site | {"confirm_with_protocol": True}

    def _tell(self) -> None:
        self.texts.tell(self.notices)
        if not self.ours:
            self.notices.warn(
                "roles, consents, criteria, phases and who enters a form are placeholders; ODM does not hold them"
            )
        tell_what_has_no_place(self.version, self.notices, ours=self.ours)
        self._tell_unused()
        for name, count in sorted(self.source.foreign.items()):
            if name not in UNDERSTOOD:
                self.notices.leave_out(f"{name} of another system: {count} times")
        self._tell_data()

    def _tell_unused(self) -> None:
        for tag in ("ItemGroupDef", "ItemDef"):
            for definition in self.definitions.unused(tag):
                self.notices.leave_out(f"{tag} {definition.get('OID')} stands in no form", definition.line)

    def _tell_data(self) -> None:
        for tag in ("User", "SignatureDef"):
            count = sum(1 for admin in self.source.root.all("AdminData") for _element in admin.all(tag))
            if count and not self.ours:
                self.notices.leave_out(f"{count} {tag} elements: people and signatures are not part of a definition")
        counts = self.source.survey.counts
        if counts:
            told = ", ".join(f"{count} {tag}" for tag, count in sorted(counts.items()))
            self.notices.leave_out(f"the data themselves: {told}")
        if self.source.root.first("Association") is not None:
            self.notices.leave_out("Association elements")


def _ordered(study: dict[str, Any]) -> dict[str, Any]:
    """The visits last but for the missing reasons: what people read first comes first."""
    visits, reasons = study.pop("visits"), study.pop(MISSING_REASONS)
    return {**study, "visits": visits, MISSING_REASONS: reasons}
