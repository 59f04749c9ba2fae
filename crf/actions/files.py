"""Files that are an answer: kept by their SHA-256 within the participant, encrypted, and named by a mark in the entry.

The mark is ``sha256:<64 hexadecimal digits>/<file name>``; it is what the entry, the audit trail and exports hold.
A file stays when another takes its place: what the audit trail names can be shown for good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePath

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action
from audit.acts import ActionRefused, record
from crf import policies
from crf.models import FormEntry, StoredFile, Visit
from trialmgr.participants.contact import seal_bytes, unseal_bytes
from trialmgr.people.models import User
from trialmgr.protocol.evaluation import Problem
from trialmgr.protocol.model import Form, Item, ItemType, Text

MEGABYTE = 1_000_000
LARGEST_MEGABYTES = 10  # where the item itself sets no limit


@action("file.stored", permission="entries.enter", site=lambda visit, **_k: visit.participant.site)
def store_file(*, by: User, visit: Visit, form: Form, item: str, name: str, content: bytes) -> str:
    """Keep a file that answers ``item``; returns the mark that stands for it in the entry.

    Storing the same content again keeps it once. Raises ActionRefused for a file that the item does not take.
    """
    policies.lock_visit(visit)
    policies.check_role_enters(by, visit, form)
    policies.check_entry_open(visit, form)
    _check_fits(form.item(item), name, content)
    digest = hashlib.sha256(content).hexdigest()
    if not StoredFile.objects.filter(participant=visit.participant, sha256=digest).exists():
        StoredFile(
            participant=visit.participant,
            sha256=digest,
            size=len(content),
            sealed=seal_bytes(content),
            stored_at=timezone.now(),
            stored_by=by.actor_name,
        ).save()
    record(
        object_type="file",
        object_id=digest,
        site=visit.participant.site.code,
        participant=visit.participant.number,
        visit=visit.slug,
        form=form.key,
        item=item,
        detail={"size": len(content)},
        restricted=visit.reveals_allocation or form.reveals_allocation or form.item(item).reveals_allocation,
    )
    return f"sha256:{digest}/{PurePath(name).name}"


def strange_files(entry: FormEntry, form: Form, values: Mapping[str, str]) -> Iterator[Problem]:
    """A problem for each mark that names no file kept for this participant."""
    for key, value in values.items():
        if form.item(key).type is ItemType.FILE and not _is_kept(entry, value):
            yield Problem(
                key,
                Text(
                    nl="Dit bestand is niet bewaard. Kies het bestand opnieuw.",
                    en="This file is not kept here. Choose the file again.",
                ),
            )


def files_of(entry: FormEntry) -> Iterator[tuple[str, str, bytes]]:
    """Item, file name and content of each file that the entry names."""
    for key, mark in entry.entered.values.items():
        if entry.form.item(key).type is ItemType.FILE:
            digest, _slash, name = mark.removeprefix("sha256:").partition("/")
            kept = StoredFile.objects.get(participant=entry.visit.participant, sha256=digest)
            yield key, name, unseal_bytes(kept.sealed)


def _is_kept(entry: FormEntry, mark: str) -> bool:
    digest = mark.removeprefix("sha256:").partition("/")[0]
    return StoredFile.objects.filter(participant=entry.visit.participant, sha256=digest).exists()


def _check_fits(item: Item, name: str, content: bytes) -> None:
    reasons, most = [], item.max_megabytes or LARGEST_MEGABYTES
    ending = PurePath(name).suffix.removeprefix(".").lower()
    if item.accepts and ending not in item.accepts:
        reasons.append(_("Only these kinds of file can be kept here: %(kinds)s.") % {"kinds": ", ".join(item.accepts)})
    if len(content) > most * MEGABYTE:
        reasons.append(_("The file is larger than %(most)s megabytes: choose a smaller one.") % {"most": most})
    if not content:
        reasons.append(_("The file is empty: choose another."))
    if reasons:
        raise ActionRefused(*reasons)
