"""A folder of files for people to take along: written beside its place, then moved there in one step.

So nobody ever sees half of it, and nothing is ever overwritten.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from audit.acts import ActionRefused


def check_free(folder: Path) -> None:
    """Nothing is ever overwritten."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists():
        raise ActionRefused(_("%(folder)s exists and is not an empty folder.") % {"folder": folder})


@dataclass(slots=True)
class Draft:
    """A folder in the making."""

    folder: Path

    def move_to(self, target: Path) -> None:
        check_free(target)
        self.folder = self.folder.rename(target)


@contextmanager
def drafted(parent: Path) -> Iterator[Draft]:
    """A new folder in ``parent``; wherever it has moved, it is removed when what happens inside does not end well.

    A folder that cannot be written is told as ActionRefused.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        draft = Draft(Path(tempfile.mkdtemp(prefix=".draft-", dir=parent)))
    except OSError as error:
        raise _unwritable(parent, error) from error
    try:
        yield draft
    except BaseException as error:
        shutil.rmtree(draft.folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(parent, error) from error
        raise


def _unwritable(folder: Path, error: OSError) -> ActionRefused:
    told = {"folder": folder, "error": error.strerror}
    return ActionRefused(_("The files cannot be written in %(folder)s: %(error)s.") % told)
