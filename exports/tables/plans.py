"""Which tables a release has and which columns each of them: made once, from all published versions of the study. Pure.

Source: ICH E6(R3) 4.2.6 (extraction documented and reproducible). Every item that any version ever asked has a column.
Columns come in the order in which versions introduced them, so an amendment adds columns behind those that stand.
A release without the allocation has no table, column or line that reveals the arm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from trialmgr.protocol.judgements import eligibility_form
from trialmgr.protocol.model import Form, Item, ItemType, StudyDefinition, Text

INVENTED = "invented"
"""The column of a rehearsal's release; every row of it holds yes."""

NUMERIC = frozenset({ItemType.INTEGER.value, ItemType.DECIMAL.value, ItemType.SCALE.value})
AUDIT_TRAIL = "audit_trail.csv"


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording or limit of an item, and the versions of the study that had it."""

    versions: tuple[str, ...]
    item: Item


@dataclass(frozen=True, slots=True)
class Column:
    """``type``: an item type, or "datetime". ``missing_of``: the column holds why that item has no value."""

    name: str
    type: str
    label: Text
    item: str = ""
    missing_of: str = ""
    variants: tuple[Variant, ...] = ()

    @property
    def is_numeric(self) -> bool:
        return self.type in NUMERIC


@dataclass(frozen=True, slots=True)
class Table:
    """One CSV file. ``form``: the newest edition of the form it holds; ``reveals``: it tells the arm by being there.

    ``group``: the table holds the rows of this repeating group of the form, not the form's own items.
    """

    name: str
    label: Text
    columns: tuple[Column, ...]
    form: Form | None = None
    reveals: bool = False
    group: str = ""

    @property
    def header(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def numeric(self) -> tuple[bool, ...]:
        return tuple(column.is_numeric for column in self.columns)


@dataclass(frozen=True, slots=True)
class Edition:
    """One form as one version of the study, and of the criteria where it holds those, has it."""

    version: str
    form: Form


def tables(definitions: Sequence[StudyDefinition], *, with_allocation: bool) -> tuple[Table, ...]:
    """Tables in the order of release. ``definitions``: every published version, oldest first, at least one."""
    gates = dict.fromkeys(phase.key for version in definitions for phase in version.phases if phase.gate)
    factors = dict.fromkeys(
        factor.key for version in definitions if version.randomization for factor in version.randomization.factors
    )
    allocated = [_allocation(factors)] if any(version.is_randomised for version in definitions) else []
    planned = [_participants(gates), *allocated, *_PLAIN_TABLES, *form_tables(definitions)]
    planned.append(_audit_trail(with_allocation))
    return tuple(planned) if with_allocation else tuple(_blinded(table) for table in planned if not table.reveals)


def marked(table: Table) -> Table:
    """The table with a last column that says of each row that it is invented."""
    name = _free_name(INVENTED, set(table.header))
    return replace(table, columns=(*table.columns, _column(name, "yes_no", "Verzonnen gegevens", "Invented data")))


def form_tables(definitions: Sequence[StudyDefinition]) -> Iterator[Table]:
    """One table for each form that any version had, and one for each repeating group of such a form."""
    for key in dict.fromkeys(form.key for version in definitions for form in version.forms):
        editions = [edition for version in definitions for edition in _editions(version, key)]
        newest = editions[-1].form
        reveals = any(edition.form.reveals_allocation for edition in editions)
        plain = dict.fromkeys(item.key for edition in editions for item in edition.form.plain_items)
        yield Table(f"form_{key}.csv", newest.label, _form_columns(editions, plain, _OF_ENTRY), newest, reveals)
        groups = {group.key: group for edition in editions for group in edition.form.groups.values()}
        for group in groups.values():
            of_group = (edition.form.groups.get(group.key) for edition in editions)
            items = dict.fromkeys(item.key for each in of_group if each for item in each.items)
            label = Text(nl=f"{newest.label.nl}: {group.label.nl}", en=f"{newest.label.en}: {group.label.en}")
            columns = _form_columns(editions, items, (*_OF_ENTRY, _GROUP_ROW))
            yield Table(f"form_{key}__{group.key}.csv", label, columns, newest, reveals, group.key)


def _editions(version: StudyDefinition, key: str) -> Iterator[Edition]:
    if not version.has_form(key):
        return
    form = version.form(key)
    if not form.eligibility:
        yield Edition(version.version, form)
        return
    for criteria in version.eligibility:
        yield Edition(f"{version.version}, criteria {criteria.version}", eligibility_form(version, criteria))


def _form_columns(editions: Sequence[Edition], items: Iterable[str], first: Iterable[Column]) -> tuple[Column, ...]:
    columns = list(first)
    taken = {column.name for column in columns}
    for key in items:
        variants = _variants(editions, key)
        newest = variants[-1].item
        columns.append(Column(_free_name(key, taken), newest.type.value, newest.label, key, "", variants))
        if any(variant.item.missing_allowed and not variant.item.is_derived for variant in variants):
            name = _free_name(f"{key}__missing", taken)
            columns.append(Column(name, "choice", _missing_label(newest), "", key, variants))
    return tuple(columns)


def _free_name(name: str, taken: set[str]) -> str:
    """The name, with an underscore behind it for as long as another column has it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _missing_label(item: Item) -> Text:
    return Text(nl=f"Reden zonder waarde: {item.label.nl}", en=f"Reason for no value: {item.label.en}")


def _variants(editions: Sequence[Edition], key: str) -> tuple[Variant, ...]:
    """Oldest first; examples, which only test the definition, make no difference."""
    found: dict[str, tuple[list[str], Item]] = {}
    for edition in editions:
        if edition.form.has_item(key):
            item = edition.form.item(key)
            versions, _item = found.setdefault(item.model_dump_json(exclude={"examples"}), ([], item))
            versions.append(edition.version)
    return tuple(Variant(tuple(versions), item) for versions, item in found.values())


def _blinded(table: Table) -> Table:
    """Without the columns of items that reveal the allocation in any version."""
    kept = tuple(
        column for column in table.columns if not any(variant.item.reveals_allocation for variant in column.variants)
    )
    return replace(table, columns=kept)


def _column(name: str, kind: str, nl: str, en: str) -> Column:
    return Column(name, kind, Text(nl=nl, en=en))


_SITE = _column("site", "text", "Centrum", "Site")
_PARTICIPANT = _column("participant", "text", "Deelnemer", "Participant")
_VISIT = _column("visit", "text", "Bezoek", "Visit")
_PLACE = (
    _SITE,
    _PARTICIPANT,
    _VISIT,
    _column("form", "text", "Formulier", "Form"),
    _column("row", "integer", "Rij", "Row"),
)
_OF_ENTRY = (
    _SITE,
    _PARTICIPANT,
    _VISIT,
    _column("ordinal", "integer", "Volgnummer van het bezoek", "Ordinal of the visit"),
    _column("visit_day", "date", "Dag van het bezoek", "Day of the visit"),
    _column("row", "integer", "Rij van het formulier", "Row of the form"),
    _column("status", "text", "Status (removed: telt niet mee)", "Status (removed: does not count)"),
    _column("version", "text", "Versie van de studiedefinitie", "Version of the study definition"),
)
_GROUP_ROW = _column("group_row", "integer", "Rij van de groep", "Row of the group")


# What was noted of an allocation besides. Whoever was randomised in error stays in the intention-to-treat set.
_OF_ALLOCATION_AFTERWARDS = (
    _column("envelope_opened_at", "datetime", "Uit een envelop, geopend om", "From an envelope, opened at"),
    _column("in_error", "yes_no", "Ten onrechte gerandomiseerd", "Randomised in error"),
    _column("in_error_reason", "text", "Ten onrechte: reden", "In error: reason"),
    _column("in_error_flagged_at", "datetime", "Ten onrechte: gemeld om", "In error: flagged at"),
    _column("in_error_countersigned_at", "datetime", "Ten onrechte: tweede handtekening", "In error: countersigned at"),
)


def _participants(gates: dict[str, None]) -> Table:
    return Table(
        "participants.csv",
        Text(nl="Deelnemers", en="Participants"),
        (
            _PARTICIPANT,
            _SITE,
            _column("status", "text", "Status", "Status"),
            _column("phase", "text", "Fase", "Phase"),
            _column("registered_on", "date", "Aangemeld op", "Registered on"),
            _column("randomised_on", "date", "Gerandomiseerd op", "Randomised on"),
            _column("ended_on", "date", "Geëindigd op", "Ended on"),
            _column("version", "text", "Versie bij aanmelding", "Version at registration"),
            _column("in_error", "yes_no", "Ten onrechte gerandomiseerd", "Randomised in error"),
            _column("consent_version", "text", "Nieuwste toestemming, versie", "Newest consent, version"),
            _column("consent_given_on", "date", "Nieuwste toestemming, dag", "Newest consent, day"),
            _column("consent_withdrawn_on", "date", "Toestemming ingetrokken op", "Consent withdrawn on"),
            _column("eligible", "yes_no", "Geschikt bevonden", "Judged eligible"),
            _column("eligibility_decided_at", "datetime", "Oordeel over geschiktheid", "Eligibility judged at"),
            _column("criteria_version", "text", "Versie van de criteria", "Version of the criteria"),
            _column("criteria_not_met", "text", "Criteria waaraan niet is voldaan", "Criteria not met"),
            *(column for gate in gates for column in _gate_columns(gate)),
        ),
    )


def _gate_columns(gate: str) -> tuple[Column, Column]:
    return (
        _column(f"{gate}_opened", "yes_no", f"Fase {gate} geopend", f"Phase {gate} opened"),
        _column(f"{gate}_decided_at", "datetime", f"Besluit over fase {gate}", f"Phase {gate} decided at"),
    )


def _allocation(factors: dict[str, None]) -> Table:
    return Table(
        "allocation.csv",
        Text(nl="Toewijzing", en="Allocation"),
        (
            _PARTICIPANT,
            _SITE,
            _column("arm", "text", "Arm", "Arm"),
            _column("stratum", "text", "Stratum", "Stratum"),
            _column("position", "integer", "Plaats in het stratum", "Position in the stratum"),
            _column("list", "integer", "Nummer van de lijst", "Number of the list"),
            _column("randomised_at", "datetime", "Gerandomiseerd om", "Randomised at"),
            _column("randomised_by", "text", "Gerandomiseerd door", "Randomised by"),
            *_OF_ALLOCATION_AFTERWARDS,
            *(column for key in factors for column in _factor_columns(key)),
        ),
        reveals=True,
    )


def _factor_columns(key: str) -> tuple[Column, Column]:
    return (
        _column(f"stratum_{key}", "text", f"{key}, zoals gerandomiseerd", f"{key}, as randomised"),
        _column(f"corrected_{key}", "text", f"{key}, gecorrigeerd", f"{key}, corrected"),
    )


_PLAIN_TABLES = (
    Table(
        "consents.csv",
        Text(nl="Toestemmingen", en="Consents"),
        (
            _PARTICIPANT,
            _SITE,
            _column("version", "text", "Versie", "Version"),
            _column("given_on", "date", "Gegeven op", "Given on"),
            _column("taken_by", "text", "Gevraagd door", "Taken by"),
            _column("withdrawn_on", "date", "Ingetrokken op", "Withdrawn on"),
        ),
    ),
    Table(
        "visits.csv",
        Text(nl="Bezoeken", en="Visits"),
        (
            _SITE,
            _PARTICIPANT,
            _VISIT,
            _column("visit_key", "text", "Soort bezoek", "Kind of visit"),
            _column("ordinal", "integer", "Volgnummer", "Ordinal"),
            _column("phase", "text", "Fase", "Phase"),
            _column("target_on", "date", "Gepland op", "Planned for"),
            _column("earliest_on", "date", "Vroegste dag", "Earliest day"),
            _column("latest_on", "date", "Laatste dag", "Latest day"),
            _column("took_place_on", "date", "Vond plaats op", "Took place on"),
            _column("not_done_reason", "text", "Reden dat het niet plaatsvond", "Reason it did not take place"),
        ),
    ),
    Table(
        "deviations.csv",
        Text(nl="Afwijkingen van het protocol", en="Protocol deviations"),
        (
            _SITE,
            _PARTICIPANT,
            _VISIT,
            _column("rule", "text", "Regel van de tijdsvolgorde", "Rule of the order of days"),
            _column("text_nl", "text", "Wat niet samengaat, Nederlands", "What does not go together, in Dutch"),
            _column("text_en", "text", "Wat niet samengaat, Engels", "What does not go together, in English"),
            _column(
                "stands",
                "yes_no",
                "Geldt nog; nee als een dag sindsdien is verbeterd",
                "Still so; no where a day was corrected since",
            ),
            _column("reason", "long_text", "Reden", "Reason"),
            _column(
                "weight",
                "text",
                "Gewicht: major, minor of none (geen afwijking); leeg: niet gewogen",
                "Weight: major, minor or none (no deviation); empty: not weighed",
            ),
            _column("judged_at", "datetime", "Gewogen om", "Weighed at"),
            _column("judged_by", "text", "Gewogen door", "Weighed by"),
            _column("judgement", "long_text", "Reden van het oordeel", "Reason of the judgement"),
        ),
    ),
    Table(
        "queries.csv",
        Text(nl="Query’s", en="Queries"),
        (
            *_PLACE,
            _column("query", "integer", "Nummer van de query", "Number of the query"),
            _column("item", "text", "Item", "Item"),
            _column("check", "text", "Controle die de query opende", "Edit check that raised it"),
            _column("status", "text", "Status", "Status"),
            _column("raised_at", "datetime", "Geopend om", "Raised at"),
            _column("closed_at", "datetime", "Gesloten om", "Closed at"),
        ),
    ),
    Table(
        "query_messages.csv",
        Text(nl="Berichten bij query’s", en="Messages of queries"),
        (
            *_PLACE,
            _column("query", "integer", "Nummer van de query", "Number of the query"),
            _column("at", "datetime", "Tijd", "Time"),
            _column("by", "text", "Door", "By"),
            _column("text", "long_text", "Tekst", "Text"),
        ),
    ),
    Table(
        "signatures.csv",
        Text(nl="Handtekeningen", en="Signatures"),
        (
            *_PLACE,
            _column("signed_by", "text", "Ondertekend door", "Signed by"),
            _column("role", "text", "Rol", "Role"),
            _column("meaning", "text", "Betekenis", "Meaning"),
            _column("signed_at", "datetime", "Ondertekend om", "Signed at"),
            _column("content_sha256", "text", "SHA-256 van de inhoud", "SHA-256 of the content"),
            _column("lapsed_at", "datetime", "Vervallen om", "Lapsed at"),
        ),
    ),
)

_OF_LEDGER = (
    _column("at", "datetime", "Tijd", "Time"),
    _column("actor_id", "text", "Wie (vast kenmerk)", "Who (fixed identifier)"),
    _column("actor", "text", "Wie", "Who"),
    _column("roles", "text", "Rol", "Role"),
    _column("action", "text", "Handeling", "Act"),
    _column("object_type", "text", "Soort", "Kind"),
    _column("object_id", "text", "Welke", "Which"),
    _SITE,
    _PARTICIPANT,
    _VISIT,
    _column("form", "text", "Formulier", "Form"),
    _column("row", "text", "Rij", "Row"),
    _column("item", "text", "Item", "Item"),
    _column("old", "long_text", "Oude waarde", "Old value"),
    _column("new", "long_text", "Nieuwe waarde", "New value"),
    _column("reason", "long_text", "Reden", "Reason"),
    _column("detail", "long_text", "Bijzonderheden (JSON)", "Detail (JSON)"),
    _column("on_behalf_of", "text", "Namens (gevolg van diens handeling)", "On behalf of (consequence of their act)"),
    _column("means", "text", "Waarmee: pagina, API, invoer, opdracht", "By means of: page, API, import, command"),
)
_OF_CHAIN = (
    _column("act", "text", "Eén handeling, één kenmerk", "One act, one identifier"),
    _column("restricted", "yes_no", "Onthult de toewijzing", "Reveals the allocation"),
    _column("format", "integer", "Vorm van de regel", "Format of the line"),
    _column("cause", "text", "Oorzaak", "Cause"),
    _column("seal", "text", "Zegel van de rijen", "Seal of the rows"),
    _column("salt", "text", "Zout van de waarden", "Salt of the values"),
    _column("hash", "text", "SHA-256, met die van de regel ervoor", "SHA-256, chained to the line before"),
)


def _audit_trail(with_allocation: bool) -> Table:
    """Without the allocation lines are numbered anew: gaps would tell how much was left out between two lines."""
    number = ("seq", "integer", "Nummer", "Number") if with_allocation else ("line", "integer", "Regel", "Line")
    columns = (_column(*number), *_OF_LEDGER, *(_OF_CHAIN if with_allocation else ()))
    return Table(AUDIT_TRAIL, Text(nl="Audit trail", en="Audit trail"), columns)
