"""A form with repeating groups laid out row by row, as it stands on a page: one section and one set of items a row.

An item of a row is called ``section.row.item`` everywhere outside the definition: in the entry's document, the audit
trail, queries, verifications and the boxes of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trialmgr.protocol.model import Form, Item, RowKey, Section, Text


def laid_out(
    form: Form, keys: Iterable[str] = (), *, spare: bool = False, used: Mapping[str, int] | None = None
) -> Form:
    """The form with a section for every row that ``keys`` of values name, and for the least number of rows.

    ``spare``: one empty row more in each group, as far as the group has room. ``used``: by group, the highest number
    that an empty row may not have. A form without groups comes back as is.
    """
    if not form.groups:
        return form
    named = list(keys)
    last = used or {}
    sections = [
        laid for section in form.sections for laid in _laid_sections(section, named, spare, last.get(section.key, 0))
    ]
    return form.model_copy(update={"sections": tuple(sections)})


def item_label(form: Form, key: str, language: str) -> str:
    """The label of an item, in a row behind the name of the row: ``Treatment 2: Dose``. KeyError for no such item."""
    label, row = form.item(key).label(language), RowKey.read(key)
    name = form.groups[row.section].repeats if row else None
    return f"{name.row(language)} {row.row}: {label}" if row and name else label


def _laid_sections(section: Section, keys: Iterable[str], spare: bool, used: int) -> Iterator[Section]:
    if section.repeats is None:
        yield section
        return
    rows = section.rows(keys)
    following = max((used, *rows)) + 1
    empty = max(section.repeats.min - len(rows), 0)
    if spare and len(rows) + empty < section.repeats.max:
        empty += 1
    for row in (*rows, *range(following, following + empty)):
        yield _row(section, section.repeats.row, row)


def _row(section: Section, name: Text, row: int) -> Section:
    items = tuple(_in_row(section, row, item) for item in section.items)
    label = Text(nl=f"{section.label.nl}: {name.nl} {row}", en=f"{section.label.en}: {name.en} {row}")
    return section.model_copy(update={"key": f"{section.key}.{row}", "label": label, "repeats": None, "items": items})


def _in_row(section: Section, row: int, item: Item) -> Item:
    return item.model_copy(update={"key": section.row_key(row, item.key)})
