"""The wording pack of this installation, if it has one: licensed texts that a site keeps beside the repository.

A pack changes what is read on a form and nothing else. One that does not fit the study is left aside as a whole, and
the log says why: ``study wording`` tells a person the same, with every fault and its place.
"""

from __future__ import annotations

import logging
from pathlib import Path

from django.conf import settings

from trialmgr.protocol.loader import StudyErrors
from trialmgr.protocol.model import StudyDefinition
from trialmgr.protocol.wording import Wording, load_wording

Fingerprint = tuple[tuple[str, int, int], ...]
_OWN = Wording()
_packs: dict[tuple[Path, Fingerprint, str], Wording] = {}
_log = logging.getLogger(__name__)


def wording_for(definition: StudyDefinition) -> Wording:
    """The texts of the pack in ``TRIALMGR_WORDING`` for this version of the study; our own where there is none."""
    if not settings.TRIALMGR_WORDING:
        return _OWN
    folder = Path(settings.TRIALMGR_WORDING)
    key = (folder, _fingerprint(folder), definition.sha256)
    if key not in _packs:
        _packs[key] = _read(folder, definition)
    return _packs[key]


def _fingerprint(folder: Path) -> Fingerprint:
    """A pack that was changed is read anew, without a restart."""
    found = ((path.name, path.stat()) for path in sorted(folder.glob("*.yaml")))
    return tuple((name, facts.st_mtime_ns, facts.st_size) for name, facts in found)


def _read(folder: Path, definition: StudyDefinition) -> Wording:
    try:
        return load_wording(folder, definition)
    except StudyErrors as broken:
        _log.error("The wording pack does not fit study version %s: %s", definition.version, broken.errors[0])
        return _OWN
