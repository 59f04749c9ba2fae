"""An allocation from start to end: one place, once, every refusal named; and minimisation at work."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.core import mail
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from randomization import actions, policies
from randomization.methods.designs import MinimisedAllocation, State, minimisation, replay
from randomization.methods.designs.minimisation import next_allocation
from randomization.methods.words import Words, chunks
from randomization.models import Allocation, ListRow, Stratum
from randomization.policies import StratumUsedUp
from randomization.queries import in_screening, list_findings, ready_to_randomise, waiting_by_stratum
from tests import walk
from tests.audit.staging import deed
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import MINIMISED, SEX, SITE, allocated, amend, list_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import save_contact
from trialmgr.participants.models import Participant
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_definition

pytestmark = pytest.mark.on_both  # a place is taken under another lock

OnCommit = Callable[..., object]
DESIGN = minimisation({"a": 2, "b": 1}, factors={"sex": ["f", "m"], "site": ["x", "y", "z"]}, measure="range", p="4/5")
LEVELS = st.fixed_dictionaries({"sex": st.sampled_from("fm"), "site": st.sampled_from("xyz")})


def stream() -> Iterator[bytes]:
    return chunks(bytes(range(32)), "TRIAL", "live", "all")


class TestNextAllocation:
    @settings(max_examples=30)
    @given(st.lists(LEVELS, max_size=40))
    def test_one_at_a_time_from_the_log_alone_gives_what_one_run_gives(self, people: list[dict[str, str]]) -> None:
        logged: list[MinimisedAllocation] = []
        words, state, whole = Words(stream()), State(), []
        for position, levels in enumerate(people, start=1):
            logged.append(next_allocation(DESIGN, logged, stream(), levels))
            record, state = DESIGN.allocate(state, words, levels, position=position)
            whole.append(record)
        assert logged == whole
        assert replay(DESIGN, logged, stream()) == []


class TestMinimisation:
    def test_rows_are_made_one_at_a_time_and_the_log_replays(self, cast: Cast) -> None:
        listed = list_in_force(cast, factors=(SITE, SEX), **MINIMISED)
        assert not ListRow.objects.filter(stratum__list=listed).exists()
        made = [allocated(cast, site) for site in ("UMCG", "LUMC", "UMCG")]
        assert [each.row.position for each in made] == [1, 2, 3]
        assert [each.log["arm"] for each in made if each.log] == [each.arm for each in made]
        assert [each.levels["site"] for each in made] == ["UMCG", "LUMC", "UMCG"]
        assert Stratum.objects.get(list=listed).used == 3
        assert list_findings(listed) == []

    def test_a_level_that_the_design_does_not_know_is_refused_and_the_statistician_sees_who_waits(
        self, cast: Cast
    ) -> None:
        listed = list_in_force(cast, factors=(SITE, SEX), **MINIMISED)
        listed.design = listed.design | {
            "factors": listed.design["factors"] | {"site": {"levels": ["LUMC", "AUMC"], "weight": 1}}
        }
        deed(listed.save)
        participant = walk.baseline_done(cast)
        with pytest.raises(StratumUsedUp):
            allocated(cast, participant=participant)
        assert waiting_by_stratum(in_screening(Participant.objects.all())) == {"all": 1}

    def test_it_ends_with_the_most_that_were_planned(self, cast: Cast) -> None:
        list_in_force(cast, factors=(SITE, SEX), length_per_stratum=1, **MINIMISED)
        most = Stratum.objects.get(list__status="active").length
        stratum = Stratum.objects.get(list__status="active")
        stratum.used = most - 1
        deed(stratum.save)
        assert policies.next_position(stratum) == most


class TestRefusals:
    def test_everything_that_is_wanting_is_named_in_one_answer(self, cast: Cast) -> None:
        manager = cast.at("", Role.DATA_MANAGER)
        participant = walk.registered(cast)
        actions.place_hold(by=manager, site=cast.sites["UMCG"], reason="recall")
        actions.set_cap(by=manager, site=None, participants=0, reason="full")
        list_in_force(cast, factors=(SITE, SEX), length_per_stratum=4)
        with pytest.raises(ActionRefused) as refused:
            allocated(cast, participant=participant)
        # consent, judgement, eight forms, hold, cap, and the level of sex
        assert len(refused.value.reasons) == 1 + 1 + 8 + 1 + 1 + 1
        assert not Stratum.objects.exclude(used=0).exists()
        assert not LedgerEntry.objects.filter(participant=participant.number, action="participant.randomised").exists()

    def test_the_same_person_is_refused_at_the_allocation_too(self, cast: Cast) -> None:
        one, two = walk.baseline_done(cast), walk.baseline_done(cast, "LUMC")
        details = {"email": "jansje@example.org"}
        save_contact(by=cast.at("UMCG", Role.COORDINATOR), participant=one, details=details)
        mark = one.identity_marks.get()
        deed(type(mark)(participant=two, kind="email", mark=mark.mark).save)
        with pytest.raises(ActionRefused) as refused:
            allocated(cast, "LUMC", two)
        assert one.number not in str(refused.value)
        assert ready_to_randomise(in_screening(Participant.objects.all())) == []
        save_contact(
            by=cast.at("LUMC", Role.COORDINATOR), participant=two, details=details, other_person="a shared mailbox"
        )
        assert len(ready_to_randomise(in_screening(Participant.objects.all()))) == 2
        allocated(cast, "LUMC", two)

    def test_a_new_site_without_a_stratum_waits_for_the_statistician(self, cast: Cast) -> None:
        stratum = Stratum.objects.get(key="site=UMCG")
        stratum.key = "site=ELSEWHERE"
        deed(stratum.save)
        with pytest.raises(StratumUsedUp):
            allocated(cast)


class TestUsedUp:
    @pytest.fixture
    def waiting(self, cast: Cast) -> Participant:
        list_in_force(cast, length_per_stratum=1)
        allocated(cast)
        return walk.baseline_done(cast)

    def test_the_unblinded_statistician_is_told_once_for_each_who_waits(
        self, cast: Cast, waiting: Participant, django_capture_on_commit_callbacks: OnCommit
    ) -> None:
        for _turn in range(2):
            with django_capture_on_commit_callbacks(execute=True), pytest.raises(StratumUsedUp):  # type: ignore[attr-defined]
                allocated(cast, participant=waiting)
        assert [message.to for message in mail.outbox] == [["unblinded_statistician@example.org"]]
        assert not any(word in mail.outbox[0].body for word in ("UMCG", waiting.number))
        line = LedgerEntry.objects.get(action="stratum.used_up")
        assert (line.restricted, line.detail) == (True, {"stratum": "site=UMCG"})

    def test_who_waits_is_on_the_work_list_of_the_statistician_alone(self, cast: Cast, waiting: Participant) -> None:
        (task,) = duty(cast.at("", Role.UNBLINDED_STATISTICIAN), "waiting").tasks
        assert task.about == "site=UMCG"
        for role in (Role.COORDINATOR, Role.DATA_MANAGER, Role.STATISTICIAN):
            assert duty(cast.at("UMCG", role), "waiting").count == 0
        assert duty(cast.at("UMCG", Role.COORDINATOR), "randomise").count == 0

    def test_the_page_says_no_number_of_places(
        self, cast: Cast, waiting: Participant, signed_in: Callable[..., Client]
    ) -> None:
        page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(waiting)}randomise/")
        assert "The trial statistician has to extend the list." in page


class TestTwice:
    def test_the_same_key_gives_the_same_answer_and_a_line_that_says_so(self, cast: Cast) -> None:
        participant, key = walk.baseline_done(cast), uuid.uuid4().hex
        by = cast.at("UMCG", Role.COORDINATOR)
        one, two = (actions.allocate(by=by, participant=participant, idempotency_key=key) for _turn in range(2))
        assert one == two
        assert Allocation.objects.count() == 1
        assert LedgerEntry.objects.filter(participant=participant.number, new="asked again").count() == 1

    def test_a_key_is_of_one_participant(self, cast: Cast) -> None:
        by, key = cast.at("UMCG", Role.COORDINATOR), uuid.uuid4().hex
        actions.allocate(by=by, participant=walk.baseline_done(cast), idempotency_key=key)
        with pytest.raises(ActionRefused):
            actions.allocate(by=by, participant=walk.baseline_done(cast), idempotency_key=key)


class TestBlindedCoordinator:
    def test_who_randomises_blinded_is_led_back_to_the_casebook_and_told_no_arm(
        self, cast: Cast, signed_in: Callable[..., Client]
    ) -> None:
        roles = tuple(
            role.model_copy(update={"blinded": True}) if role.key == Role.COORDINATOR else role
            for role in current_definition().roles
        )
        amend(cast, parts={"roles": roles})
        participant = walk.randomised(cast)
        reader = Reader(signed_in, cast, Role.COORDINATOR)
        page = reader.get(casebook_url(participant))
        assert "allocation/correct/" in page
        assert "allocation/in-error/" in page
        reader.get(f"{casebook_url(participant)}allocation/", 403)
        sent = {"reason": "was not eligible"}
        assert "The flag is kept." in reader.send(f"{casebook_url(participant)}allocation/in-error/", sent)
