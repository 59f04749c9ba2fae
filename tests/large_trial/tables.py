"""Every table that hangs on a participant, found by its foreign keys, and the statement that copies its rows.

A new key is the source's, moved by as many keys as the table had for each generation of copies; so a reference
between two rows of one participant is moved alike, and no table of old and new keys is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from django.apps import apps
from django.db import connection, models

from tests.large_trial.rules import COPIES, EMPTY, RULES
from trialmgr.participants.models import Participant

Model = type[models.Model]


class Undeclared(Exception):
    """Columns of which nothing says what a copy has there: declare them in ``rules``."""


@dataclass(frozen=True)
class Table:
    """``path``: the references from a row to its participant, each a column and the model it leads to."""

    model: Model
    path: tuple[tuple[str, Model], ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        return column_of(self.model._meta.pk)

    @cached_property
    def most(self) -> int:
        """The largest key before anything is copied."""
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT COALESCE(MAX("{self.key}"), 0) FROM "{self.name}"')
            return int(cursor.fetchone()[0])

    @property
    def source(self) -> str:
        """FROM, with ``t`` each row and ``c`` each copy of its participant."""
        joined, last, key = f'"{self.name}" t', "t", self.key
        for step, (column, model) in enumerate(self.path):
            table = model._meta.db_table
            joined += f' JOIN "{table}" j{step} ON j{step}."{column_of(model._meta.pk)}" = {last}."{column}"'
            last, key = f"j{step}", column_of(model._meta.pk)
        return f'{joined} JOIN {COPIES} c ON c."source" = {last}."{key}"'


def column_of(field: models.Field[object, object] | None) -> str:
    assert field is not None
    return str(field.column)


def kept_model(model: Model) -> Model | None:
    """The model whose versions a history table keeps."""
    found: Model | None = getattr(model, "instance_type", None)
    return found


def label(model: Model, field: models.Field[object, object]) -> str:
    """A history table follows the rules of the model whose versions it keeps."""
    return f"{(kept_model(model) or model)._meta.label}.{field.name}"


def references(model: Model) -> dict[str, Model]:
    """Column -> the model it leads to; in a history table also the key of the row that it is a version of."""
    found = {
        column_of(field): field.related_model
        for field in model._meta.concrete_fields
        if isinstance(field.related_model, type) and label(model, field) not in EMPTY
    }
    if (kept := kept_model(model)) is not None:
        found[column_of(kept._meta.pk)] = kept
    return found


def hanging() -> dict[Model, Table]:
    """By the shortest way to a participant, nearest first."""
    found: dict[Model, Table] = {Participant: Table(Participant, ())}
    waiting: list[Model] = [Participant]
    for target in waiting:
        for model in apps.get_models(include_auto_created=True):
            column = next((name for name, to in references(model).items() if to is target), None)
            if model not in found and column is not None:
                found[model] = Table(model, ((column, target), *found[target].path))
                waiting.append(model)
    return found


def copy_rows(tables: Mapping[Model, Table]) -> None:
    """Raises Undeclared, naming every column, before anything is written."""
    filled = [table for table in tables.values() if table.most]
    undeclared = [name for table in filled for name in (*unique_columns(table, tables), *_telling_columns(table))]
    if undeclared:
        raise Undeclared(", ".join(sorted(set(undeclared))))
    for table in filled:
        _run(statement(table, tables))


def statement(table: Table, tables: Mapping[Model, Table]) -> str:
    fields = table.model._meta.concrete_fields
    names = ", ".join(f'"{column_of(field)}"' for field in fields)
    values = ", ".join(_value(table, field, tables) for field in fields)
    return (
        f'INSERT INTO "{table.name}" ({names}) SELECT {values} FROM {table.source} ORDER BY {_ORDER}, t."{table.key}"'
    )


_ORDER = 'c."generation"'


def _value(table: Table, field: models.Field[object, object], tables: Mapping[Model, Table]) -> str:
    column = f't."{column_of(field)}"'
    target = table.model if field.primary_key else references(table.model).get(column_of(field))
    if (rule := RULES.get(label(table.model, field))) is not None:
        return rule.format(column=column)
    if target is not None and target in tables:
        return f'{column} + c."generation" * {tables[target].most}'
    return act_of_copy(column) if field.name == "act" and kept_model(table.model) else column


def act_of_copy(column: str) -> str:
    """As ``trail.act_of_copy`` makes it."""
    return f"CASE WHEN {column} = '' THEN '' ELSE MD5({column} || c.\"number\") END"


def unique_columns(table: Table, tables: Mapping[Model, Table]) -> Iterator[str]:
    """What is unique by itself, or together with other columns, none of which a copy has of its own."""
    own = {field.name for field in table.model._meta.concrete_fields if _is_own(table.model, field, tables)}
    for field in table.model._meta.concrete_fields:
        if field.unique and field.name not in own:
            yield label(table.model, field)
    for constraint in table.model._meta.constraints:
        names = set(constraint.fields) if isinstance(constraint, models.UniqueConstraint) else own
        if names.isdisjoint(own) and not any(f"{table.model._meta.label}.{name}" in EMPTY for name in names):
            yield f"{table.model._meta.label}.{constraint.name}"


def _is_own(model: Model, field: models.Field[object, object], tables: Mapping[Model, Table]) -> bool:
    return field.primary_key or label(model, field) in RULES or references(model).get(column_of(field)) in tables


def _telling_columns(table: Table) -> Iterator[str]:
    """Texts without a rule that say the number of their participant."""
    texts = (models.CharField, models.TextField, models.JSONField)
    for field in table.model._meta.concrete_fields:
        if isinstance(field, texts) and label(table.model, field) not in RULES:
            says = f"CAST(t.\"{column_of(field)}\" AS text) LIKE '%' || c.\"source_number\" || '%'"
            if _run(f'SELECT 1 FROM {table.source} WHERE c."generation" = 1 AND {says} LIMIT 1'):
                yield label(table.model, field)


def _run(sql: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []
