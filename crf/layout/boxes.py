"""The boxes of a form: which there are, row by row where it has repeating groups, and what was typed in each.

Laid out, a row is a section of its own. An item of a row is called ``section.row.item`` everywhere outside the
definition: in the entry's document, the audit trail, queries, verifications and the boxes of a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from trialmgr.protocol.model import Form, Item, ItemType, RowKey, Section, Text
from trialmgr.protocol.values import ValueProblem, iso_day

REASON_MARK = "missing:"
"""Among radios a reason for no value is one more radio of the same group; the mark keeps it apart from the codes."""

DATES = frozenset({ItemType.DATE, ItemType.PARTIAL_DATE})

Posted = Mapping[str, str | list[str]]


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


def rows_sent(post: Posted) -> tuple[str, ...]:
    """Keys of values in rows (``trials.2.drug``) that have a box in a POST, filled or not, in the order they came."""
    named = (name.split(".") for name in post)
    return tuple(".".join(parts[1:4]) for parts in named if parts[0] in ("item", "missing") and len(parts) > 3)


def read_submission(form: Form, post: Posted, *, hidden: Collection[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """Raw answers and codes of missing reasons by item key, of the boxes that were filled; derived items never.

    ``post`` gives one string or a list of strings a name (``dict(request.POST.lists())``). Nothing is judged here:
    what is no date, number or code comes back as it was typed, for ``values.parse_value`` to refuse. An item with both
    an answer and a reason comes back in both.
    """
    items = [item for item in form.items if not item.is_derived and item.key not in hidden]
    values = {item.key: raw for item in items if (raw := _raw_value(item, post)) and f"clear.{item.key}" not in post}
    missing = {item.key: code for item in items if (code := _raw_reason(item, post))}
    return values, missing


def _raw_value(item: Item, post: Posted) -> str:
    if item.type in DATES:
        return _raw_date(item, post)
    if item.type is ItemType.MULTI_CHOICE:
        return " ".join(part.strip() for part in _all(post, f"item.{item.key}"))
    raw = _one(post, f"item.{item.key}")
    return "" if raw.startswith(REASON_MARK) and _is_choice(item) else raw


def _raw_reason(item: Item, post: Posted) -> str:
    raw = _one(post, f"item.{item.key}")
    if raw.startswith(REASON_MARK) and _is_choice(item):
        return raw.removeprefix(REASON_MARK)
    return _one(post, f"missing.{item.key}")


def _is_choice(item: Item) -> bool:
    """Whether the item may be radios on a page; a text never is, and may begin with any words."""
    return item.type in (ItemType.CHOICE, ItemType.YES_NO, ItemType.SCALE, ItemType.INTEGER)


def _raw_date(item: Item, post: Posted) -> str:
    """ISO where day and month are numbers; a part that is left out at the end makes the date a partial one.

    A date that was pasted whole stands in the first box.
    """
    name = f"item.{item.key}"
    day, month, year = (_one(post, f"{name}.{part}") for part in ("day", "month", "year"))
    if not (day or month or year):
        return _one(post, name)
    if day and not (month or year or day.isdigit()):
        return _pasted(day)
    return "-".join([year, _padded(month), _padded(day)]).rstrip("-")


def _pasted(text: str) -> str:
    try:
        return iso_day(text) or text
    except ValueProblem:
        return text  # which ``values.parse_value`` refuses with the same words


def _padded(part: str) -> str:
    return part.zfill(2) if part.isdigit() else part


def _one(post: Posted, name: str) -> str:
    return (_all(post, name) or [""])[-1].strip()


def _all(post: Posted, name: str) -> list[str]:
    sent = post.get(name, [])
    return [sent] if isinstance(sent, str) else list(sent)
