"""The file that an answer names, for whoever meets that answer."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from crf.models import StoredFile
from crf.places import FormPlace
from trialmgr.participants.contact import unseal_bytes


def file_of(place: FormPlace, row: int, item: str) -> tuple[str, bytes]:
    """Name and content. 404 where no file is named, 403 for an item out of sight."""
    entry = place.entry(row)
    if not entry.form.has_item(item):
        raise Http404
    if not place.sight.item(entry.form.item(item)):
        raise PermissionDenied(_("Your role does not give access to this item."))
    digest, _slash, name = entry.data.get(item, "").removeprefix("sha256:").partition("/")
    kept = get_object_or_404(StoredFile, participant=place.participant, sha256=digest)
    return name, unseal_bytes(kept.sealed)
