"""Every address of the application, as the resolver knows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True, slots=True)
class Address:
    """``name``: with its namespace, as ``reverse`` takes it. ``arguments``: the names in the path, in order."""

    name: str
    path: str
    arguments: tuple[str, ...]


def addresses() -> list[Address]:
    return sorted(_walk(get_resolver(), "", ""), key=lambda address: address.path)


def _walk(resolver: URLResolver, path: str, namespace: str) -> Iterator[Address]:
    for part in resolver.url_patterns:
        inner = path + str(part.pattern)
        if isinstance(part, URLPattern):
            yield Address(f"{namespace}{part.name}", inner, tuple(_arguments(inner)))
        else:
            yield from _walk(part, inner, f"{namespace}{part.namespace}:" if part.namespace else namespace)


def _arguments(path: str) -> Iterator[str]:
    for piece in path.split("<")[1:]:
        yield piece.split(">")[0].split(":")[-1]
