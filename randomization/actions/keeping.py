"""How a list, however it came about, enters the database: its rows and its secret sealed, its manifest open."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from django.conf import settings

from audit.acts import record
from randomization.methods.lists import sealing
from randomization.methods.lists.rows import Listed, Manifest, Places, Row, manifest_hash
from randomization.methods.words import ALGORITHM
from randomization.models import ListOrigin, ListRow, ListStatus, RandomizationList, Stratum
from trialmgr.people.models import User


def sealing_key() -> bytes:
    """Raises KeyUnusable, which names the setting."""
    return sealing.load_key(settings.TRIALMGR_LIST_KEY)


def keep_list(
    *,
    by: User,
    manifest: Manifest,
    factors: Mapping[str, str],
    secret: bytes,
    lengths: Mapping[str, int],
    rows: Listed,
    reserved: Mapping[str, Places],
) -> RandomizationList:
    """A list just made, not yet in force. ``lengths``: of every stratum, also of one whose rows are made later."""
    newest = RandomizationList.objects.order_by("number").last()
    number = newest.number + 1 if newest else 1
    listed = RandomizationList(
        number=number,
        purpose=manifest["purpose"],
        status=ListStatus.MADE.value,
        origin=ListOrigin(manifest["origin"]).value,
        algorithm=ALGORITHM,
        design=manifest["parameters"],
        factors=dict(factors),
        commitment=manifest["commitment"],
        manifest=manifest,
        sealed_secret=sealing.seal_secret(sealing_key(), str(number), secret),
        made_at=datetime.datetime.fromisoformat(manifest["made_at"]),
        made_by=by,
    )
    listed.save()
    for key, length in lengths.items():
        first, last = reserved.get(key, (None, None))
        stratum = Stratum(list=listed, key=key, length=length, reserved_from=first, reserved_to=last)
        stratum.save()
        keep_rows(listed, stratum, rows.get(key, ()))
    note(listed, new=listed.commitment, detail={"manifest": manifest_hash(manifest), "rows": manifest["rows"]})
    return listed


def keep_rows(listed: RandomizationList, stratum: Stratum, rows: Iterable[Row]) -> None:
    key = sealing_key()
    ListRow.objects.bulk_create(
        (
            ListRow(
                stratum=stratum,
                position=row.position,
                sealed=sealing.seal(key, str(listed.number), stratum.key, row.position, row.arm),
            )
            for row in rows
        ),
        batch_size=500,
    )


def note(listed: RandomizationList, **fields: object) -> None:
    record(object_type="list", object_id=str(listed.number), **fields)
