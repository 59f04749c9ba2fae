"""The list or extension that a command names."""

from __future__ import annotations

from audit.commands import WrongUsage
from randomization.models import ListExtension, RandomizationList


def list_numbered(number: int) -> RandomizationList:
    listed: RandomizationList | None = RandomizationList.objects.filter(number=number).first()
    if listed is None:
        raise WrongUsage(f"There is no list {number}.")
    return listed


def extension_numbered(listed: RandomizationList, number: int) -> ListExtension:
    extension: ListExtension | None = listed.extensions.filter(number=number).first()
    if extension is None:
        raise WrongUsage(f"List {listed.number} has no extension {number}.")
    return extension
