"""What an amendment would mean for the data that stand, and a rule on trial: each within the sight of who asks."""

from __future__ import annotations

from typing import Any

import pytest

from crf.models import FormEntry
from crf.outcomes import RuleRefused, check_named, impact, in_sight, rule_as_check, touched_forms, try_rule
from tests import walk
from tests.amendments import amended, items, put_in_force
from tests.audit.recipes import the, vital_signs
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.differences import differences
from trialmgr.protocol.model import StudyDefinition


@pytest.fixture
def manager(cast: Cast) -> User:
    return the(cast, Role.DATA_MANAGER)


@pytest.fixture
def entries(cast: Cast) -> list[FormEntry]:
    return [vital_signs(cast), vital_signs(cast)]


def narrower(form: dict[str, Any]) -> dict[str, Any]:
    """An expected range that no invented pressure lies in."""
    items(form)[0]["soft_range"] = {"min": "290", "max": "300"}
    return form


class TestImpact:
    def test_it_counts_entries_and_names_those_on_which_a_check_would_fire(
        self, manager: User, entries: list[FormEntry], reset_trd: StudyDefinition
    ) -> None:
        new = amended(reset_trd, vital_signs=narrower)
        found = impact(manager, reset_trd, new, differences(reset_trd, new))
        assert found.entries == {("vital_signs", "UMCG"): 2}
        assert [outcome.entry for outcome in found.firing] == entries
        assert found.recomputed == ()
        told = found.as_json("en")
        assert told["entries"] == [{"form": "vital_signs", "site": "UMCG", "entries": 2}]
        assert told["firing"][0] == {
            "participant": entries[0].visit.participant.number,
            "visit": "screening",
            "form": "vital_signs",
            "row": 1,
            "checks": [
                {
                    "item": "systolic",
                    "check": "soft_range",
                    "message": "Expected: 290 to 300 mmHg.",
                    "refuses": False,
                }
            ],
        }

    def test_visits_still_to_come_are_counted(self, cast: Cast, manager: User, reset_trd: StudyDefinition) -> None:
        walk.registered(cast)
        visits = tuple(
            visit.model_copy(update={"day": visit.day + 1}) if visit.key == "screening" else visit
            for visit in reset_trd.visits
        )
        new = reset_trd.model_copy(update={"visits": visits})
        found = impact(manager, reset_trd, new, differences(reset_trd, new))
        assert found.visits == {("screening", "UMCG"): 1}
        assert found.as_json("en")["visits"] == [{"visit": "screening", "site": "UMCG", "visits": 1}]

    def test_a_derived_item_that_comes_out_otherwise_is_told(
        self, cast: Cast, manager: User, reset_trd: StudyDefinition
    ) -> None:
        walk.screened(cast)

        def otherwise(form: dict[str, Any]) -> dict[str, Any]:
            total = next(item for section in form["sections"] for item in section["items"] if item.get("score"))
            total["score"], total["derive"] = None, "madrs_1"
            return form

        new = amended(reset_trd, madrs=otherwise)
        found = impact(manager, reset_trd, new, differences(reset_trd, new))
        (told,) = found.as_json("en")["recomputed"]
        assert told["items"] == [["madrs_total", "30", "3"]]

    def test_several_entries_of_one_participant_are_held_against_their_own_version(
        self, cast: Cast, manager: User, reset_trd: StudyDefinition
    ) -> None:
        walk.screened(cast)
        new = amended(reset_trd, vital_signs=narrower, madrs=lambda form: form | {"citation": "Another paper."})
        found = impact(manager, reset_trd, new, differences(reset_trd, new))
        assert found.entries == {("madrs", "UMCG"): 1, ("vital_signs", "UMCG"): 1}
        assert [outcome.entry.form_key for outcome in found.firing] == ["vital_signs"]
        assert found.recomputed == ()

    def test_a_form_is_touched_by_a_code_list_it_uses(self, reset_trd: StudyDefinition) -> None:
        lists = tuple(
            each.model_copy(update={"items": tuple(reversed(each.items))}) if each.key == "sex" else each
            for each in reset_trd.codelists
        )
        new = reset_trd.model_copy(update={"codelists": lists})
        assert "demographics" in touched_forms(differences(reset_trd, new), reset_trd, new)

    def test_a_coordinator_reads_of_the_own_site_alone(
        self, cast: Cast, entries: list[FormEntry], reset_trd: StudyDefinition
    ) -> None:
        new = amended(reset_trd, vital_signs=narrower)
        other = cast.at("LUMC", Role.COORDINATOR)
        assert impact(other, reset_trd, new, differences(reset_trd, new)).entries == {}


class TestRuleOnTrial:
    def outcomes(
        self, by: User, definition: StudyDefinition, rule: str, form: str = "vital_signs"
    ) -> list[bool | None]:
        seen = in_sight(definition, by.sight(definition))
        return [tried.fires for tried in try_rule(by, seen, *rule_as_check(seen, form, rule))]

    def test_it_is_true_false_or_unknown_of_each_entry(
        self, cast: Cast, manager: User, entries: list[FormEntry], reset_trd: StudyDefinition
    ) -> None:
        walk.fill(cast, entries[1].visit, "vital_signs", given={"pulse": ""}, reason="typing")
        assert self.outcomes(manager, reset_trd, "pulse > 1") == [True, None]
        assert self.outcomes(manager, reset_trd, "systolic < 1") == [False, False]

    def test_rows_of_one_participant_are_each_asked(
        self, cast: Cast, manager: User, reset_trd: StudyDefinition
    ) -> None:
        log = walk.visit_of(walk.consented(cast), "log")
        for _row in range(2):
            walk.fill(cast, log, "concomitant_medication", occurrence=None)
        item = reset_trd.form("concomitant_medication").items[0].key
        assert self.outcomes(manager, reset_trd, f"{item} is present", "concomitant_medication") == [True, True]

    def test_other_visits_can_be_asked(
        self, cast: Cast, manager: User, entries: list[FormEntry], reset_trd: StudyDefinition
    ) -> None:
        assert self.outcomes(manager, reset_trd, "screening.demographics.sex = 'f'") == [None, None]

    def test_a_rule_in_rows_is_true_when_it_is_in_one_of_them(
        self, cast: Cast, manager: User, entries: list[FormEntry], reset_trd: StudyDefinition
    ) -> None:
        def grouped(form: dict[str, Any]) -> dict[str, Any]:
            label = {"nl": "Metingen", "en": "Readings"}
            group = {"key": "readings", "label": label, "repeats": {"max": 3, "row": label}}
            item = {"key": "reading", "type": "integer", "label": label, "required": False}
            form["sections"].append(group | {"items": [item]})
            return form

        definition = put_in_force(amended(reset_trd, hdrs17=grouped), days_ago=walk.DAYS_AGO + 1).definition
        participant = walk.eligible(cast)
        walk.visited(cast, participant, "baseline")
        visit = walk.visit_of(participant, "baseline")
        rows = {"readings.1.reading": "5", "readings.2.reading": "50"}
        walk.fill(cast, visit, "hdrs17", given=rows, reason="later")
        entry = FormEntry.objects.get(visit=visit, form_key="hdrs17")
        form = definition.form("hdrs17")
        check = rule_as_check(definition, "hdrs17", "reading > 40")[1].model_copy(update={"items": ("reading",)})
        expected = [True] if "readings.2.reading" in entry.data else [False]
        assert [tried.fires for tried in try_rule(manager, definition, form, check)] == expected

    def test_faults_are_told_with_their_mend(self, manager: User, reset_trd: StudyDefinition) -> None:
        with pytest.raises(RuleRefused, match="did you mean `pulse`"):
            self.outcomes(manager, reset_trd, "puls > 1")
        with pytest.raises(RuleRefused, match="no form “nowhere”"):
            self.outcomes(manager, reset_trd, "pulse > 1", form="nowhere")

    def test_a_check_of_a_folder_is_found_by_name(self, reset_trd: StudyDefinition) -> None:
        form, check = check_named(reset_trd, "vital_signs.pressures_exchanged")
        assert (form.key, check.severity) == ("vital_signs", "hard")
        for wrong in ("vital_signs.no_such", "nowhere.x", "alone"):
            with pytest.raises(RuleRefused, match="name one as form"):
                check_named(reset_trd, wrong)
        with pytest.raises(RuleRefused, match="of none"):
            check_named(reset_trd.model_copy(update={"forms": ()}), "a.b")

    def test_a_blinded_person_gets_the_same_answer_as_if_it_did_not_exist(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        rater = the(cast, Role.RATER)
        hidden = next(form for form in reset_trd.forms if form.reveals_allocation)
        visit = next(visit for visit in reset_trd.visits if hidden.key in visit.forms)

        def said(rule: str, form: str) -> str:
            with pytest.raises(RuleRefused) as refused:
                self.outcomes(rater, reset_trd, rule, form=form)
            return str(refused.value)

        assert said("true", hidden.key).replace(hidden.key, "?") == said("true", "nowhere").replace("nowhere", "?")
        asked = said(f"{visit.key}.{hidden.key}.{hidden.items[0].key} is present", "madrs")
        absent = said(f"{visit.key}.nowhere.{hidden.items[0].key} is present", "madrs")
        assert asked.replace(hidden.key, "?") == absent.replace("nowhere", "?")

    def test_trying_past_the_own_sight_is_refused_before_anything_is_read(
        self, cast: Cast, reset_trd: StudyDefinition
    ) -> None:
        hidden = next(form for form in reset_trd.forms if form.reveals_allocation)
        with pytest.raises(RuleRefused, match="no form"):
            list(try_rule(the(cast, Role.RATER), reset_trd, *rule_as_check(reset_trd, hidden.key, "true")))
