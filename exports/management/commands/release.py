from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from audit.commands import Answer, RoomCommand, Subcommand
from exports.actions import lock_study, make_release, unlock_study
from exports.dataset import Watch
from exports.models import Release
from exports.open_points import OpenPoint, points_for, summaries
from exports.tables.verification import verify_release
from trialmgr.studies.models import StudyLock
from trialmgr.studies.queries import NoStudyPublished, open_lock


class Command(RoomCommand):
    help = "The lock of the study and its releases: locked datasets that anyone can verify."
    refusals = (NoStudyPublished,)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("lock", "Lock the study; refused with all that is open.", lock, _reason, as_user=True)
        yield Subcommand("unlock", "Unlock the study, with a reason.", unlock, _reason, as_user=True)
        yield Subcommand("make", "Write the locked data, codebook and manifest to a folder.", make, _out, as_user=True)
        yield Subcommand("verify", "Hold a release folder against its manifest.", verify, _folder)


def _reason(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the audit trail")


def _out(parser: ArgumentParser) -> None:
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a folder, empty or not there yet")
    parser.add_argument(
        "--without-allocation",
        action="store_true",
        help="leave out the allocation and every form, visit, item and audit trail line that reveals it",
    )


def _folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of the release")


def lock(*, by: Any, reason: str) -> Answer:
    """Before it refuses, it lists every open point; ``lock_study`` checks again, inside the lock."""
    points = [] if open_lock() else points_for(by)
    if points and by.may("study.lock"):
        lines = [*summaries(points), *(_line(point) for point in points)]
        refused = {"refused": summaries(points), "open_points": [_as_json(point) for point in points]}
        return Answer(tuple(lines), refused, done=False)
    locked = lock_study(by=by, reason=reason)
    since = f"The study is locked since {locked.locked_at:%Y-%m-%d %H:%M} UTC,"
    upto = f"after audit trail entry {locked.ledger_seq} with the hash {locked.ledger_hash}."
    return Answer((f"{since} {upto}",), _lock_json(locked))


def unlock(*, by: Any, reason: str) -> Answer:
    unlocked = unlock_study(by=by, reason=reason)
    return Answer(("The study is unlocked.",), _lock_json(unlocked))


def make(*, by: Any, out: Path, without_allocation: bool) -> Answer:
    with _progress() as watch:
        release = make_release(by=by, out=out, with_allocation=not without_allocation, watch=watch)
    lines = (f"Release {release.number} is in {out}.", f"SHA-256 of its manifest: {release.manifest_sha256}")
    return Answer(lines, _release_json(release, out))


def verify(*, folder: Path) -> Answer:
    faults = verify_release(folder)
    lines = faults or [f"{folder}: every file is there, whole, and as the manifest says."]
    return Answer(tuple(lines), {"folder": str(folder), "faults": faults}, done=not faults)


@contextmanager
def _progress() -> Iterator[Watch]:
    """A bar on standard error, on a terminal alone."""
    with tqdm(unit=" files", disable=None) as bar:

        def watch(_done: int, whole: int, name: str) -> None:
            bar.total = whole
            bar.set_postfix_str(name, refresh=False)
            bar.update()

        yield watch


def _line(point: OpenPoint) -> str:
    return f"{f'{point.participant} {point.where}'.strip()}: {point.message}"


def _as_json(point: OpenPoint) -> dict[str, str]:
    return {
        "kind": point.kind.value,
        "participant": point.participant,
        "where": point.where,
        "message": point.message,
    }


def _lock_json(lock: StudyLock) -> dict[str, Any]:
    of_lock = ("locked_at", "locked_by", "reason", "ledger_seq", "ledger_hash")
    return {name: getattr(lock, name) for name in (*of_lock, "unlocked_at", "unlocked_by", "unlock_reason")}


def _release_json(release: Release, folder: Path) -> dict[str, Any]:
    return {
        "release": release.number,
        "folder": str(folder),
        "allocation": "included" if release.with_allocation else "left out",
        "manifest_sha256": release.manifest_sha256,
        "files": list(release.files.values("name", "sha256", "size", "rows")),
    }
