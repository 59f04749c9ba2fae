"""Locking the study, unlocking it, making and handing out releases."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.actions import action, itself
from audit.acts import ActionRefused, record
from audit.folders import Draft, check_free, drafted
from audit.models import LedgerHead
from exports import policies
from exports.dataset import Dataset, Watch, unwatched, write_dataset
from exports.folders import kept_folder
from exports.lock_triggers import wait_for_writers
from exports.models import Release, ReleaseFile
from exports.tables.manifest import sha256_of
from trialmgr.people.models import User
from trialmgr.studies.models import StudyLock


@action("study.locked", permission="study.lock", makes=itself)
def lock_study(*, by: User, reason: str) -> StudyLock:
    """No data change from here on. Refused with a sentence for each kind of open point.

    Waits until every write under way has ended, so that nothing slips in between the check and the lock.
    """
    policies.check_reason(reason)
    wait_for_writers(connection)
    policies.check_lockable()
    head = LedgerHead.objects.select_for_update().get(pk=1)
    lock = StudyLock(
        locked_at=timezone.now(),
        locked_by=by.actor_name,
        reason=reason,
        ledger_seq=head.seq,
        ledger_hash=head.hash,
    )
    lock.save()
    _note_lock(new="locked", detail={"ledger_seq": head.seq, "ledger_hash": head.hash})
    return lock


@action("study.unlocked", permission="study.lock", works_when_locked=True)
def unlock_study(*, by: User, reason: str) -> StudyLock:
    """Source: ICH E6(R3) 3.16.2(e): a change after the lock is justified and on record."""
    policies.check_reason(reason)
    lock = policies.locked_study()
    lock.unlocked_at, lock.unlocked_by, lock.unlock_reason = timezone.now(), by.actor_name, reason
    lock.save()
    _note_lock(old="locked", new="unlocked")
    return lock


def make_release(
    *, by: User, out: Path | None = None, with_allocation: bool = True, watch: Watch = unwatched
) -> Release:
    """Write the locked dataset to ``out``, or to where the pages keep releases, and put it on record.

    The files are written outside the transaction, for they are many and the lock keeps still what they hold; the record
    then checks that the same lock stands. ActionRefused: not locked, folder not free or not writable.
    """
    by.check_may("releases.make")
    if with_allocation:
        policies.check_sees_allocation(by)
    lock = policies.locked_study()
    if out is not None:
        check_free(out)
    policies.check_nothing_false()
    parent = out.absolute().parent if out is not None else Path(settings.TRIALMGR_RELEASES)
    with drafted(parent) as draft:
        dataset = write_dataset(draft.folder, lock, with_allocation=with_allocation, watch=watch)
        return _keep_release(by=by, lock=lock, draft=draft, dataset=dataset, out=out, with_allocation=with_allocation)


@action("release.made", permission="releases.make", works_when_locked=True, makes=itself)
def _keep_release(
    *, by: User, lock: StudyLock, draft: Draft, dataset: Dataset, out: Path | None, with_allocation: bool
) -> Release:
    # The lock's row is locked: releases are numbered one after the other.
    if not StudyLock.objects.select_for_update().filter(pk=lock.pk, unlocked_at=None).exists():
        raise ActionRefused(_("The study was unlocked in the meantime: lock it again first."))
    last = Release.objects.order_by("number").last()
    release = Release(
        lock=lock,
        number=last.number + 1 if last else 1,
        made_at=timezone.now(),
        made_by=by.actor_name,
        manifest_sha256=dataset.manifest.sha256,
        with_allocation=with_allocation,
    )
    release.save()
    _note_release(release, dataset)
    _keep_files(release, dataset)
    draft.move_to(out if out is not None else kept_folder(release.number))
    return release


@action("release.downloaded", permission="releases.view", works_when_locked=True)
def hand_out(*, by: User, file: ReleaseFile) -> Path:
    """The file of a release, for somebody to take along. Refused when it is not here, or no longer what it was."""
    path = kept_folder(file.release.number) / file.name
    if not path.is_file():
        raise ActionRefused(_("This file is not kept here: the release was written to another folder."))
    if sha256_of(path) != file.sha256:
        raise ActionRefused(_("This file was changed after the release was made; it is not handed out."))
    _note_file(file)
    return path


def _note_lock(**fields: object) -> None:
    record(object_type="study", object_id="lock", **fields)


def _note_release(release: Release, dataset: Dataset) -> None:
    tables = [file for file in dataset.files if file.rows is not None]
    record(
        object_type="release",
        object_id=str(release.number),
        new=release.manifest_sha256,
        detail={
            "ledger_seq": release.lock.ledger_seq,
            "allocation": release.with_allocation,
            "tables": len(tables),
            "rows": sum(file.rows or 0 for file in tables),
        },
    )


def _keep_files(release: Release, dataset: Dataset) -> None:
    for written in dataset.files:
        file = ReleaseFile(
            release=release,
            name=written.name,
            sha256=written.sha256,
            size=written.size,
            rows=written.rows,
            reveals_allocation=written.reveals,
        )
        file.save()
        _note_file(file)


def _note_file(file: ReleaseFile) -> None:
    # The names of some forms tell the arms.
    record(
        object_type="release_file",
        object_id=f"{file.release.number}/{file.name}",
        new=file.sha256,
        detail={"rows": file.rows, "bytes": file.size},
        restricted=file.reveals_allocation,
    )
