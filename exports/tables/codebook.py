"""The codebook: what every column of a release means, in Dutch and English, and every code list. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from exports.tables.plans import Column, Table, Variant
from trialmgr.protocol.model import CodeList, Item, Range, StudyDefinition, Text
from trialmgr.protocol.scoring import described

COLUMNS = (
    "file",
    "column",
    "item",
    "type",
    "label_nl",
    "label_en",
    "unit",
    "range_min",
    "range_max",
    "soft_range_min",
    "soft_range_max",
    "decimals",
    "codelist",
    "codes",
    "required",
    "missing_allowed",
    "ask_if",
    "derived_by",
    "variable",
    "versions",
    "confirm_with_protocol",
)
CODE_COLUMNS = ("codelist", "code", "label_nl", "label_en")
MISSING_REASONS = "missing_reasons"

# What every reader must know before the first row; stands in codebook.json and in README.txt.
RULES = (
    Text(
        nl="Een tekst die begint met = + - @, een tab, een regeleinde of een apostrof heeft één apostrof extra "
        "vooraan, zodat geen rekenblad er een formule in ziet. Haal van zo'n tekst één apostrof weg en hij is als "
        "ingevoerd. Kolommen van het type integer en decimal zijn nooit veranderd.",
        en="A text that begins with = + - @, a tab, a line end or an apostrophe has one extra apostrophe in front, so "
        "that no spreadsheet takes it for a formula. Take one apostrophe off such a text and it is as entered. "
        "Columns of type integer and decimal are never changed.",
    ),
    Text(
        nl="Een lege cel: geen waarde. Waarom niet, staat in de kolom met __missing achter de naam; is die ook leeg, "
        "dan werd de vraag niet gesteld of is zij niet beantwoord.",
        en="An empty cell: no value. The reason stands in the column with __missing behind its name; where that is "
        "empty too, the question was not asked or was not answered.",
    ),
    Text(
        nl="Datums zijn tekst als 2026-05-31; van onvolledige datums staat er wat bekend is (2026-05). Tijdstippen "
        "zijn UTC.",
        en="Dates are text such as 2026-05-31; of partial dates what is known is given (2026-05). Times are UTC.",
    ),
    Text(
        nl="Een vraag die een bestand vraagt, heeft als waarde sha256:<hash>/<naam>; het bestand zelf ligt erbij als "
        "file_<hash>. Herhaalde groepen van vragen hebben een eigen tabel, met de rij in group_row.",
        en="A question that asks for a file has the value sha256:<hash>/<name>; the file itself lies beside the tables "
        "as file_<hash>. Repeating groups of questions have a table of their own, with the row in group_row.",
    ),
    Text(
        nl="Rijen met status removed zijn door het centrum verwijderd en tellen niet mee.",
        en="Rows with status removed were taken out by the site and do not count.",
    ),
)


def codebook_rows(tables: Iterable[Table], definitions: Sequence[StudyDefinition]) -> Iterator[tuple[str, ...]]:
    """One row a column, and one more for each time its wording or limits changed; columns as ``COLUMNS``."""
    for table in tables:
        for column in table.columns:
            if not column.item:
                yield _plain_row(table, column)
            for variant in column.variants if column.item else ():
                yield _item_row(table, column, variant, definitions)


def code_rows(tables: Iterable[Table], definitions: Sequence[StudyDefinition]) -> Iterator[tuple[str, ...]]:
    """Every code of every list that a column of these tables uses; the newest label of each. As ``CODE_COLUMNS``."""
    for name, codes in used_codes(tables, definitions).items():
        for code, label in codes.items():
            yield name, code, label.nl, label.en


def used_codes(tables: Iterable[Table], definitions: Sequence[StudyDefinition]) -> dict[str, dict[str, Text]]:
    """List -> code -> label, over all versions: a code that a later version dropped keeps its last label."""
    used = {
        variant.item.codelist
        for table in tables
        for column in table.columns
        for variant in column.variants
        if variant.item.codelist
    }
    codes: dict[str, dict[str, Text]] = {}
    for definition in definitions:
        lists = [*(each for each in definition.codelists if each.key in used), definition.missing_reasons]
        for codelist in lists:
            name = MISSING_REASONS if codelist is definition.missing_reasons else codelist.key
            codes.setdefault(name, {}).update({item.code: item.label for item in codelist.items})
    return codes


def codebook_json(tables: Sequence[Table], definitions: Sequence[StudyDefinition]) -> dict[str, Any]:
    """The same for machines, with the forms' own facts."""
    return {
        "rules": [_both(rule) for rule in RULES],
        "tables": [_table_json(table, definitions) for table in tables],
        "codelists": {
            name: {code: _both(label) for code, label in codes.items()}
            for name, codes in used_codes(tables, definitions).items()
        },
    }


_OF_FORM = {"key", "domain", "instrument", "citation", "licence_status", "recall_period", "repeating"}


def _table_json(table: Table, definitions: Sequence[StudyDefinition]) -> dict[str, Any]:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in codebook_rows([table], definitions)]
    described: dict[str, Any] = {"file": table.name, "label": _both(table.label), "columns": rows}
    form = table.form
    if form is not None:
        described["form"] = form.model_dump(mode="json", include=_OF_FORM)
    return described


def _both(text: Text) -> dict[str, str]:
    return {"nl": text.nl, "en": text.en}


def _row(**known: str) -> tuple[str, ...]:
    return tuple(known.get(name, "") for name in COLUMNS)


def _plain_row(table: Table, column: Column) -> tuple[str, ...]:
    return _row(
        file=table.name,
        column=column.name,
        item=column.missing_of,
        type=column.type,
        label_nl=column.label.nl,
        label_en=column.label.en,
        codelist=MISSING_REASONS if column.missing_of else "",
    )


def _item_row(
    table: Table, column: Column, variant: Variant, definitions: Sequence[StudyDefinition]
) -> tuple[str, ...]:
    item = variant.item
    return _row(
        file=table.name,
        column=column.name,
        item=item.key,
        type=item.type.value,
        label_nl=item.label.nl,
        label_en=item.label.en,
        unit=item.unit or "",
        **_limits("range", item.range),
        **_limits("soft_range", item.soft_range),
        decimals="" if item.decimals is None else str(item.decimals),
        codelist=item.codelist or "",
        codes=_codes(item, definitions),
        required=_yes_no(item.required),
        missing_allowed=_yes_no(item.missing_allowed and not item.is_derived),
        ask_if=item.ask_if or "",
        derived_by=derived_by(item),
        variable=item.variable or "",
        versions="; ".join(variant.versions),
        confirm_with_protocol=_yes_no(item.confirm_with_protocol),
    )


def derived_by(item: Item) -> str:
    """The expression, or the scoring function, the items it reads, its version and source; "" for what is entered."""
    if item.score is not None:
        return f"{item.score.function}({', '.join(item.score.items)}), {described(item.score.function)}"
    return item.derive or ""


def _limits(name: str, limits: Range | None) -> dict[str, str]:
    ends = limits or Range()
    given = {f"{name}_min": ends.min, f"{name}_max": ends.max}
    return {key: str(end) for key, end in given.items() if end is not None}


def _codes(item: Item, definitions: Sequence[StudyDefinition]) -> str:
    found: dict[str, Text] = {}
    for codelist in _lists(item, definitions):
        found.update({entry.code: entry.label for entry in codelist.items})
    return " | ".join(f"{code} = {label.nl} / {label.en}" for code, label in found.items())


def _lists(item: Item, definitions: Sequence[StudyDefinition]) -> Iterator[CodeList]:
    return (each for definition in definitions for each in definition.codelists if each.key == item.codelist)


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
