"""A wrong stratum is corrected beside the allocation, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from exports.open_points import Kind, open_points
from randomization import actions
from randomization.models import Allocation, StratumCorrection
from randomization.queries.corrections import strata_that_differ
from tests import walk
from tests.audit.staging import deed
from tests.crf.pages import Reader, casebook_url
from tests.randomization.list_making import SEX, SITE, allocated, list_in_force
from trialmgr.overview.duties import duty
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]


@pytest.fixture
def allocation(cast: Cast) -> Allocation:
    """Stratified by site and sex."""
    list_in_force(cast, factors=(SITE, SEX), length_per_stratum=6)
    return allocated(cast)


@pytest.fixture
def coordinator(cast: Cast) -> User:
    return cast.at("UMCG", Role.COORDINATOR)


def other_sex(allocation: Allocation) -> str:
    codes = [entry.code for entry in current_definition().codelist("sex").items]
    return next(code for code in codes if code != allocation.levels["sex"])


class TestStrata:
    def test_a_correction_stands_beside_the_level_as_randomised_and_the_place_stays(
        self, coordinator: User, allocation: Allocation
    ) -> None:
        before = Allocation.objects.values().get()
        true = other_sex(allocation)
        correction = actions.correct_stratum(
            by=coordinator, allocation=allocation, factor="sex", corrected=true, reason="typed wrongly"
        )
        assert (correction.as_randomised, correction.corrected) == (allocation.levels["sex"], true)
        assert Allocation.objects.values().get() == before
        assert str(correction) == f"{allocation.participant} sex"
        line = LedgerEntry.objects.get(action="stratum.corrected")
        assert (line.form, line.item, line.old, line.new) == ("demographics", "sex", allocation.levels["sex"], true)

    def test_the_newest_correction_counts_and_the_level_as_randomised_is_never_lost(
        self, coordinator: User, allocation: Allocation
    ) -> None:
        for level in (other_sex(allocation), allocation.levels["sex"]):
            actions.correct_stratum(
                by=coordinator, allocation=allocation, factor="sex", corrected=level, reason="once more"
            )
        kept = StratumCorrection.objects.values_list("as_randomised", flat=True)
        assert set(kept) == {allocation.levels["sex"]}
        assert LedgerEntry.objects.filter(action="stratum.corrected").latest("seq").old == other_sex(allocation)

    @pytest.mark.parametrize(
        ("factor", "level"), [("age", "old"), ("sex", "nothing"), ("site", "UMCG"), ("site", "NOWHERE")]
    )
    def test_a_factor_or_level_that_is_none_and_the_level_that_stands_are_refused(
        self, coordinator: User, allocation: Allocation, factor: str, level: str
    ) -> None:
        with pytest.raises(ActionRefused):
            actions.correct_stratum(
                by=coordinator, allocation=allocation, factor=factor, corrected=level, reason="typed wrongly"
            )

    def test_it_owes_a_reason(self, coordinator: User, allocation: Allocation) -> None:
        with pytest.raises(ActionRefused):
            actions.correct_stratum(by=coordinator, allocation=allocation, factor="site", corrected="LUMC", reason=" ")

    def test_a_value_that_changes_later_is_shown_as_a_difference_until_it_is_corrected(
        self, cast: Cast, coordinator: User, allocation: Allocation, signed_in: SignedIn
    ) -> None:
        assert strata_that_differ(Allocation.objects.all()) == []
        true, visit = other_sex(allocation), walk.visit_of(allocation.participant, "screening")
        walk.fill(cast, visit, "demographics", given={"sex": true}, reason="typed wrongly")
        (found,) = strata_that_differ(Allocation.objects.all())
        assert (found.factor, found.held, found.now) == ("sex", allocation.levels["sex"], true)
        statistician = cast.at("", Role.UNBLINDED_STATISTICIAN)
        (task,) = duty(statistician, "strata").tasks
        assert task.about == f"{allocation.participant.number} · Sex"
        assert duty(cast.at("LUMC", Role.COORDINATOR), "strata").count == 0
        assert duty(cast.at("UMCG", Role.RATER), "strata").count == 0
        url = f"{casebook_url(allocation.participant)}allocation/"
        reader = Reader(signed_in, cast, Role.COORDINATOR)
        assert f"{true}: differs" in reader.get(url)
        page = reader.send(f"{url}correct/", {"level": f"sex={true}", "reason": "typed wrongly"})
        assert "The correction is saved" in page
        assert "differs" not in page
        assert duty(statistician, "strata").count == 0
        assert "This level stands already." in reader.post(
            f"{url}correct/", {"level": f"sex={true}", "reason": "x"}, 422
        )

    def test_a_value_that_was_taken_away_differs_too(self, cast: Cast, allocation: Allocation) -> None:
        entry = allocation.participant.visits.get(slug="screening").entries.get(form_key="demographics")
        entry.data = {key: value for key, value in entry.data.items() if key != "sex"}
        deed(entry.save)
        (found,) = strata_that_differ(Allocation.objects.all())
        assert found.now == ""
        (task,) = duty(cast.at("", Role.DATA_MANAGER), "strata").tasks
        assert allocation.levels["sex"] in task.status

    def test_a_difference_is_open_before_the_lock(self, cast: Cast, allocation: Allocation) -> None:
        visit = walk.visit_of(allocation.participant, "screening")
        walk.fill(cast, visit, "demographics", given={"sex": other_sex(allocation)}, reason="typed wrongly")
        (point,) = [point for point in open_points() if point.kind is Kind.ALLOCATION_UNSETTLED]
        assert point.participant == allocation.participant.number
        assert allocation.levels["sex"] in point.message

    def test_a_site_that_was_wrong_is_settled_by_its_correction(
        self, coordinator: User, allocation: Allocation
    ) -> None:
        actions.correct_stratum(
            by=coordinator, allocation=allocation, factor="site", corrected="LUMC", reason="seen there"
        )
        assert strata_that_differ(Allocation.objects.all()) == []

    def test_the_number_of_queries_does_not_grow_with_the_participants(
        self, cast: Cast, allocation: Allocation, django_assert_num_queries: Callable[..., object]
    ) -> None:
        """Those who differ are read, and nobody else."""
        allocated(cast, "LUMC")
        with django_assert_num_queries(2):  # type: ignore[attr-defined]
            assert strata_that_differ(Allocation.objects.all()) == []
        for each in (allocation, allocated(cast)):
            visit = walk.visit_of(each.participant, "screening")
            walk.fill(cast, visit, "demographics", given={"sex": other_sex(each)}, reason="typed wrongly")
            with django_assert_num_queries(5):  # type: ignore[attr-defined]
                assert strata_that_differ(Allocation.objects.all())[-1].allocation == each
