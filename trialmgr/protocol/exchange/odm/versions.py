"""Which MetaDataVersion of a file is read, and what it includes of earlier ones.

Source: CDISC ODM 1.3.2, sections 3.1.1.3 (MetaDataVersion: a later one replaces an earlier one) and 3.1.1.3.1
(Include: definitions of another version hold unless this one defines the same OID anew).
"""

from __future__ import annotations

from dataclasses import dataclass

from trialmgr.protocol.exchange.drafts import ImportRefused
from trialmgr.protocol.exchange.odm.clinical import metadata_of
from trialmgr.protocol.exchange.odm.elements import ORDER, Element
from trialmgr.protocol.exchange.odm.source import OdmSource

_DEFINITIONS = tuple(tag for tag in ORDER["MetaDataVersion"] if tag not in ("Include", "Protocol"))


@dataclass(frozen=True, slots=True)
class ChosenVersion:
    """The Study element (empty when the file has clinical data only) and the version that is read."""

    study: Element
    version: Element


def choose_version(source: OdmSource) -> ChosenVersion:
    """ImportRefused when the file has neither metadata nor clinical data."""
    studies = [(study, list(study.all("MetaDataVersion"))) for study in source.root.all("Study")]
    with_versions = [(study, versions) for study, versions in studies if any(map(_holds_something, versions))]
    if not with_versions:
        return _from_data(source)
    study, versions = with_versions[0]
    for other, _versions in studies:
        if other is not study:
            source.notices.leave_out(f"Study {other.get('OID')}: one study is imported at a time", other.line)
    chosen = _newest(source, versions)
    return ChosenVersion(study, _with_included(source, chosen, versions))


def _holds_something(version: Element) -> bool:
    return version.first("Include") is not None or any(
        child.tag in ("FormDef", "ItemGroupDef", "ItemDef") for child in version.children
    )


def _newest(source: OdmSource, versions: list[Element]) -> Element:
    """The last in the file that defines anything, or the one with the latest date at a site."""
    usable = [version for version in versions if _holds_something(version)]
    dates = _effective_dates(source.root)
    chosen = max(enumerate(usable), key=lambda entry: (dates.get(entry[1].get("OID"), ""), entry[0]))[1]
    for other in versions:
        if other is not chosen:
            why = "an older version" if other in usable else "an empty version"
            source.notices.leave_out(
                f"MetaDataVersion {other.get('OID')}: {why}; {chosen.get('OID')} is read", other.line
            )
    return chosen


def _effective_dates(root: Element) -> dict[str, str]:
    """Version to its latest EffectiveDate at any location."""
    dates: dict[str, str] = {}
    for admin in root.all("AdminData"):
        for location in admin.all("Location"):
            for ref in location.all("MetaDataVersionRef"):
                oid, date = ref.get("MetaDataVersionOID"), ref.get("EffectiveDate")
                dates[oid] = max(date, dates.get(oid, ""))
    return dates


def _with_included(source: OdmSource, version: Element, versions: list[Element]) -> Element:
    merged = Element(version.tag, dict(version.attributes), version.line, children=list(version.children))
    seen = {version.get("OID")}
    include = version.first("Include")
    while include is not None:
        oid = include.get("MetaDataVersionOID")
        included = next((other for other in versions if other.get("OID") == oid and oid not in seen), None)
        if included is None:
            source.notices.leave_out(f"Include of {oid}: this version is not in the file", include.line)
            break
        source.notices.warn(f"MetaDataVersion {oid} is included where the newer version says nothing", include.line)
        seen.add(oid)
        merged.children.extend(_not_defined_anew(included, merged))
        include = included.first("Include")
    return merged


def _not_defined_anew(included: Element, version: Element) -> list[Element]:
    known = {(child.tag, child.get("OID")) for child in version.children if child.tag in _DEFINITIONS}
    has_protocol = version.first("Protocol") is not None
    return [
        child
        for child in included.children
        if (child.tag in _DEFINITIONS and (child.tag, child.get("OID")) not in known)
        or (child.tag == "Protocol" and not has_protocol)
    ]


def _from_data(source: OdmSource) -> ChosenVersion:
    data = source.root.first("ClinicalData")
    if data is None or not source.survey.shape.parts:
        raise ImportRefused("the file has no metadata: there is no FormDef, ItemGroupDef or ItemDef in it")
    study = data.get("StudyOID")
    source.notices.warn(
        f"the file has clinical data only; the forms are made from their shape, with OIDs for labels. "
        f"Better import the file that holds MetaDataVersion {data.get('MetaDataVersionOID')} of study {study}",
        data.line,
    )
    return ChosenVersion(Element("Study", {"OID": study}, data.line), metadata_of(source.survey, study))
