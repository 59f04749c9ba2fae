"""The confirmation of an allocation, page and paper: it can be held against list and ledger, and only by who may."""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from audit.models import LedgerEntry
from randomization.methods.lists.rows import position_hash
from randomization.models import Allocation
from randomization.papers.confirmations import ledger_entry
from randomization.queries.lists import secret_of
from tests import walk
from tests.printing.reading import squeezed
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people import permissions
from trialmgr.people.models import User
from trialmgr.people.permissions import Role

SECRET = bytes(range(32))
PLACE = {"trial_id": "t", "purpose": "live", "stratum_key": "all"}


@pytest.fixture
def enter(signed_in: Callable[[User], Client], cast: Cast) -> Callable[..., Client]:
    def sign_in(role: Role, site: str = walk.SITE, language: str = "en") -> Client:
        client = signed_in(cast.at(site, role))
        client.cookies["django_language"] = language
        return client

    return sign_in


def paper_url(number: str) -> str:
    return f"/participants/{number}/allocation/confirmation.pdf"


def test_page_and_paper_say_the_same(cast: Cast, enter: Callable[..., Client]) -> None:
    participant = walk.randomised(cast, arm="ect")
    allocation = Allocation.objects.select_related("row__stratum__list").get(participant=participant)
    entry = ledger_entry(allocation)
    listed = allocation.row.stratum.list
    client = enter(Role.INVESTIGATOR)
    page = client.get(f"/participants/{participant.number}/allocation/").content.decode()
    answer = client.get(paper_url(participant.number))
    paper = squeezed("".join(each.extract_text() for each in PdfReader(io.BytesIO(answer.content)).pages))
    place = position_hash(
        secret_of(listed),
        trial_id="reset_trd",
        purpose="live",
        stratum_key="site=UMCG",
        position=allocation.row.position,
    )
    said = (
        participant.number,
        "ECT",
        "Coordinator UMCG",
        "Site: UMCG",
        listed.commitment,
        place,
        entry.hash,
        str(entry.seq),
    )
    for each in said:
        assert each in page
        assert squeezed(each) in paper
    for each in (f"{allocation.allocated_at:%Y-%m-%d}", "CE"):
        assert each in page
        assert each in paper
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'attachment; filename="allocation-{participant.number}.pdf"'
    assert paper_url(participant.number) in page


def test_the_entry_named_is_the_one_that_holds_the_arm(cast: Cast) -> None:
    allocation = Allocation.objects.get(participant=walk.randomised(cast))
    entry = ledger_entry(allocation)
    assert (entry.new, entry.restricted) == (allocation.arm, True)
    assert LedgerEntry.objects.filter(participant=entry.participant, item="arm").count() == 1


def test_the_same_allocation_is_the_same_paper_whoever_prints_it(cast: Cast, enter: Callable[..., Client]) -> None:
    url = paper_url(walk.randomised(cast).number)
    assert enter(Role.INVESTIGATOR).get(url).content == enter(Role.UNBLINDED_STATISTICIAN, "").get(url).content
    dutch = enter(Role.INVESTIGATOR, language="nl").get(url).content
    assert dutch != enter(Role.INVESTIGATOR).get(url).content


def test_the_paper_is_closed_to_the_blinded_whether_there_is_one_or_not(
    cast: Cast, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    there, missing = paper_url(walk.randomised(cast).number), paper_url(walk.baseline_done(cast).number)
    assert enter(Role.COORDINATOR, "LUMC").get(there).status_code == 404
    assert enter(Role.COORDINATOR).get(missing).status_code == 404
    more = permissions.PERMISSIONS[Role.RATER] | {"allocation.view"}
    for held in (permissions.PERMISSIONS[Role.RATER], more):
        monkeypatch.setitem(permissions.PERMISSIONS, Role.RATER, held)
        answers = [enter(Role.RATER).get(url) for url in (there, missing)]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert "Content-Disposition" not in answers[0]


def test_the_hash_of_a_place_is_the_one_that_the_specification_gives() -> None:
    fields = [b"trialmgr-list/1", b"position", SECRET, b"t", b"live", b"all"]
    key = hashlib.sha256(b"".join(len(field).to_bytes(8, "little") + field for field in fields)).digest()
    found = position_hash(SECRET, **PLACE, position=12)
    assert found == hmac.new(key, b"12", hashlib.sha256).hexdigest()


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_places_have_hashes_of_their_own(one: int, other: int) -> None:
    hashes = [position_hash(SECRET, **PLACE, position=position) for position in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)
