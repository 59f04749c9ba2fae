"""Sealed envelopes: places the cursor passes over, their names, and what was opened entered back."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
import time_machine
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from crf.actions import judge_eligibility
from randomization import actions
from randomization.methods.envelopes import letters, number_of
from randomization.models import Allocation, EnvelopeUse, RandomizationList, Stratum
from randomization.policies.allocations import levels_in
from randomization.policies.envelopes import envelope_name, envelope_row
from randomization.policies.supply import next_position, places_left
from randomization.queries.corrections import strata_that_differ
from randomization.queries.lists import list_findings
from tests import walk
from tests.conftest import PASSWORD
from tests.crf.pages import Reader, casebook_url, day_boxes
from tests.randomization.list_making import SEX, SITE, allocated, list_in_force
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import end_participation
from trialmgr.participants.models import Participant
from trialmgr.people.actions import close_site
from trialmgr.people.models import SYSTEM
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]


@pytest.fixture
def listed(cast: Cast) -> RandomizationList:
    """Four places in each stratum and two envelopes behind them."""
    return list_in_force(cast, length_per_stratum=6, envelopes=2)


def stratum_at(site: str) -> Stratum:
    return Stratum.objects.select_related("list").get(list__status="active", key=f"site={site}")


def name_at(site: str, number: int) -> str:
    stratum = stratum_at(site)
    return envelope_name(stratum.list, stratum, (stratum.reserved_from or 0) + number - 1)


def entered(cast: Cast, participant: Participant, envelope: str, **given: object) -> Allocation:
    facts = {"opened_at": timezone.now(), "opened_by": "Night nurse", "reason": "the server was down"} | given
    by = cast.at(participant.site.code, Role.COORDINATOR)
    return actions.enter_envelope(by=by, participant=participant, envelope=envelope, **facts)  # type: ignore[arg-type]  # as the test says


class TestNames:
    def test_a_name_tells_list_stratum_and_number_and_not_how_long_the_stratum_is(
        self, listed: RandomizationList
    ) -> None:
        first, last = (name_at("UMCG", number) for number in (1, 2))
        assert first.startswith(f"{listed.number}-")
        assert (first[-3:], last[-3:]) == ("-01", "-02")
        assert first[:-3] != name_at("LUMC", 1)[:-3]

    def test_each_name_leads_back_to_its_row_and_no_other_name_to_any(self, listed: RandomizationList) -> None:
        rows = [
            (envelope_name(listed, stratum, position), stratum.rows.get(position=position))
            for stratum in listed.strata.all()
            for position in (5, 6)
        ]
        assert len({name for name, _row in rows}) == len(rows)
        for name, row in rows:
            assert envelope_row(name) == envelope_row(f" {name.lower()} ") == row
        for name in ("", "1", f"{listed.number}-A-00", f"{listed.number}-A-03", f"{listed.number}-ZZ-01", "99-A-01"):
            assert envelope_row(name) is None

    def test_a_place_that_is_not_reserved_has_no_name(self, cast: Cast, listed: RandomizationList) -> None:
        for position in (1, 4, 7):
            with pytest.raises(ValueError, match="not reserved"):
                envelope_name(listed, stratum_at("UMCG"), position)
        plain = RandomizationList.objects.get(number=1)
        with pytest.raises(ValueError, match="not reserved"):
            envelope_name(plain, plain.strata.all()[0], 1)
        assert envelope_row("1-A-01") is None

    @given(st.integers(1, 10**6))
    def test_letters_count_like_the_columns_of_a_spreadsheet(self, number: int) -> None:
        assert number_of(letters(number)) == number

    def test_the_first_letters(self) -> None:
        assert [letters(number) for number in (1, 26, 27, 52, 53, 703)] == ["A", "Z", "AA", "AZ", "BA", "AAA"]


class TestPlaces:
    def test_the_cursor_stops_before_the_envelopes_and_the_enroller_hears_nothing_of_lengths(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        assert [allocated(cast).row.position for _turn in range(4)] == [1, 2, 3, 4]
        assert places_left(stratum_at("UMCG")) == 0
        with pytest.raises(ActionRefused) as refused:
            allocated(cast)
        assert not any(sign.isdigit() for sign in str(refused.value))

    @pytest.mark.parametrize(
        ("used", "reserved", "following", "left"),
        [
            (0, (None, None), 1, 10),
            (10, (None, None), None, 0),
            (3, (4, 6), 7, 4),
            (2, (4, 6), 3, 5),
            (7, (4, 6), 8, 3),
            (7, (8, 10), None, 0),
            (0, (1, 10), None, 0),
        ],
    )
    def test_the_next_place_passes_over_the_reserved_ones(
        self, used: int, reserved: tuple[int | None, int | None], following: int | None, left: int
    ) -> None:
        stratum = Stratum(length=10, used=used, reserved_from=reserved[0], reserved_to=reserved[1])
        assert (next_position(stratum), places_left(stratum)) == (following, left)

    @given(st.integers(1, 30), st.data())
    def test_the_cursor_comes_to_every_place_once_but_the_reserved(self, length: int, data: st.DataObject) -> None:
        first = data.draw(st.integers(1, length))
        last = data.draw(st.integers(first, length))
        stratum = Stratum(length=length, used=0, reserved_from=first, reserved_to=last)
        come_to: list[int] = []
        while (position := next_position(stratum)) is not None:
            assert places_left(stratum) == length - (last - first + 1) - len(come_to)
            stratum.used = position
            come_to.append(position)
        assert come_to == [place for place in range(1, length + 1) if not first <= place <= last]
        assert places_left(stratum) == 0

    def test_levels_are_read_back_from_a_key(self) -> None:
        assert levels_in(Stratum(key="all")) == {}
        assert levels_in(Stratum(key="sex=f;site=UMCG")) == {"sex": "f", "site": "UMCG"}


class TestEntry:
    def test_the_participant_gets_exactly_that_place_and_the_next_one_its_own(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        participant, opened_at = walk.baseline_done(cast), timezone.now()
        allocation = entered(cast, participant, name_at("UMCG", 1), opened_at=opened_at)
        assert (allocation.row.position, allocation.row.stratum.used) == (5, 0)
        assert (allocation.allocated_at, allocation.allocated_by) == (opened_at, "Night nurse")
        use = EnvelopeUse.objects.get()
        assert (use.opened_at, use.opened_by, use.reason) == (opened_at, "Night nurse", "the server was down")
        assert str(use) == participant.number
        participant.refresh_from_db()
        assert (participant.status, participant.enrolled_on) == ("on_study", today())
        assert allocated(cast).row.position == 1
        assert list_findings(listed) == []

    def test_the_trail_has_two_open_entries_without_the_arm_and_one_restricted(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        allocation = entered(cast, walk.baseline_done(cast), name_at("UMCG", 1))
        lines = LedgerEntry.objects.filter(action="envelope.entered")
        assert {line.new for line in lines.open_part()} == {"allocated", name_at("UMCG", 1)}
        assert lines.open_part().get(new="allocated").detail["wanting"] == []
        assert lines.get(restricted=True).new == allocation.arm

    def test_what_would_have_refused_an_allocation_is_noted_and_refuses_nothing(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        actions.place_hold(by=cast.at("", Role.DATA_MANAGER), site=None, reason="recall")
        actions.set_cap(by=cast.at("", Role.DATA_MANAGER), site=None, participants=0, reason="full")
        participant = walk.screened(cast, madrs=10)
        judge_eligibility(by=cast.at("UMCG", Role.INVESTIGATOR), participant=participant)
        close_site(by=SYSTEM, site=cast.sites["UMCG"], on=today(), reason="end of recruitment")
        entered(cast, participant, name_at("UMCG", 1))
        wanting = LedgerEntry.objects.get(action="envelope.entered", new="allocated").detail["wanting"]
        # not eligible, the forms of baseline, site closed, hold, cap
        assert len(wanting) >= 5

    def test_the_envelope_of_another_stratum_and_one_out_of_order_are_noted(self, cast: Cast) -> None:
        list_in_force(cast, factors=(SITE, SEX), length_per_stratum=6, envelopes=2)
        participant = walk.baseline_done(cast)
        stratum = next(
            each
            for each in Stratum.objects.filter(list__status="active").select_related("list")
            if each.key.endswith("site=LUMC")
        )
        allocation = entered(cast, participant, envelope_name(stratum.list, stratum, 6))
        assert allocation.levels == levels_in(stratum)
        assert [one.factor for one in strata_that_differ(Allocation.objects.all())] == ["site"]
        wanting = LedgerEntry.objects.get(action="envelope.entered", new="allocated").detail["wanting"]
        assert len(wanting) == 2
        assert "LUMC" in wanting[0]

    def test_an_envelope_serves_once(self, cast: Cast, listed: RandomizationList) -> None:
        entered(cast, walk.baseline_done(cast), name_at("UMCG", 1))
        with pytest.raises(ActionRefused, match=r"entered already|al ingevoerd"):
            entered(cast, walk.baseline_done(cast), name_at("UMCG", 1))

    def test_what_cannot_be_is_refused_with_every_reason_and_nothing_is_consumed(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        later = timezone.now() + datetime.timedelta(minutes=5)
        with pytest.raises(ActionRefused) as refused:
            entered(cast, allocated(cast).participant, "no such envelope", opened_at=later)
        assert len(refused.value.reasons) == 3
        with pytest.raises(ActionRefused):
            entered(cast, walk.baseline_done(cast), name_at("UMCG", 1), reason="")
        failed = walk.screened(cast)
        walk_out(cast, failed)
        for participant, opened_at in (
            (walk.baseline_done(cast), listed.made_at - datetime.timedelta(days=1)),
            (failed, timezone.now()),
        ):
            with pytest.raises(ActionRefused) as refused:
                entered(cast, participant, name_at("UMCG", 1), opened_at=opened_at)
            assert len(refused.value.reasons) == 1
        assert not EnvelopeUse.objects.exists()

    def test_a_rehearsals_envelope_serves_no_live_installation(self, cast: Cast, settings: object) -> None:
        settings.TRIALMGR_DEMO = True  # type: ignore[attr-defined]
        list_in_force(cast, length_per_stratum=6, envelopes=2)
        name, participant = name_at("UMCG", 1), walk.baseline_done(cast)
        settings.TRIALMGR_DEMO = False  # type: ignore[attr-defined]
        with pytest.raises(ActionRefused):
            entered(cast, participant, name)

    def test_an_envelope_of_a_list_that_was_closed_since_still_counts(
        self, cast: Cast, listed: RandomizationList
    ) -> None:
        name = name_at("UMCG", 1)
        list_in_force(cast)
        assert entered(cast, walk.baseline_done(cast), name).row.stratum.list == listed

    def test_others_enter_none(self, cast: Cast, listed: RandomizationList) -> None:
        participant = walk.baseline_done(cast)
        for by in (cast.at("UMCG", Role.RATER), cast.at("LUMC", Role.COORDINATOR), cast.at("", Role.DATA_MANAGER)):
            with pytest.raises(PermissionDenied):
                actions.enter_envelope(
                    by=by,
                    participant=participant,
                    envelope=name_at("UMCG", 1),
                    opened_at=timezone.now(),
                    opened_by="x",
                    reason="x",
                )

    def test_on_the_page(self, cast: Cast, listed: RandomizationList, signed_in: SignedIn) -> None:
        participant = walk.baseline_done(cast)
        url = f"{casebook_url(participant)}randomise/envelope/"
        coordinator = Reader(signed_in, cast, Role.COORDINATOR)
        assert url in coordinator.get(casebook_url(participant))
        assert "Missing now, and noted" not in coordinator.get(url)
        assert "Missing now, and noted" in coordinator.get(f"{casebook_url(walk.screened(cast))}randomise/envelope/")
        now = timezone.localtime()
        sent = {
            "envelope": "9-Z-99",
            **day_boxes("opened_on", now.date()),
            "opened_time": f"{now:%H:%M}",
            "opened_by": "Night nurse",
            "reason": "the server was down",
        }
        answer = coordinator.client.post(url, sent)
        assert answer["Location"].startswith("/account/reauthenticate/")
        coordinator.sign_in_again(PASSWORD)
        page = coordinator.post(url, sent, 422)
        assert "There is no envelope 9-Z-99: read again what is printed on it." in page
        assert 'value="Night nurse"' in page
        coordinator.post(url, sent | {"opened_time": "25:99"}, 422)
        # The page knows minutes: the list was put in force within this one.
        with time_machine.travel(timezone.now() + datetime.timedelta(minutes=2)):
            now = timezone.localtime()
            good = sent | day_boxes("opened_on", now.date()) | {"opened_time": f"{now:%H:%M}"}
            coordinator.sign_in_again(PASSWORD)
            page = coordinator.send(url, good | {"envelope": name_at("UMCG", 1).lower()})
        assert "The envelope is entered." in page
        assert "From a sealed envelope" in page


def walk_out(cast: Cast, participant: Participant) -> None:
    """Screening failed."""
    end_participation(
        by=cast.at("UMCG", Role.COORDINATOR),
        participant=participant,
        transition="participant.failed_screening",
        on=today(),
    )
