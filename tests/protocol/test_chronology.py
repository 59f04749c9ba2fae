"""Days that cannot stand beside each other: found whatever was entered first, named with both days."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from tests.protocol.small_study import STUDY, broken, definition, faults, shipped
from trialmgr.protocol.chronology import (
    ConsentDays,
    End,
    Facts,
    Finding,
    ObservedDay,
    Rule,
    VisitDay,
    chronology,
)
from trialmgr.protocol.model import Exemption, Text

SAID = Text(nl="om een reden", en="for a reason")


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(f"2026-{text}")


def visit(key: str, on: str | None, *, ordinal: int = 1, target: str | None = None) -> VisitDay:
    """Planned on its day, unless the test says otherwise."""
    defined = shipped().visit(key)
    target = target or (on if defined.kind == "scheduled" else None)
    return VisitDay(
        defined.slug(ordinal), defined, ordinal, day(on) if on else None, target=day(target) if target else None
    )


FACTS = Facts(
    consents=(ConsentDays(day("06-01")),),
    opened={"screening": day("06-01"), "treatment": day("07-18")},
    allocated_on=day("07-18"),
)


def found(facts: Facts, *visits: VisitDay) -> list[tuple[Rule, str, tuple[str, ...]]]:
    return [(one.rule, one.visit, one.days) for one in chronology(shipped(), replace(facts, visits=visits))]


def one(facts: Facts, *visits: VisitDay) -> Finding:
    (finding,) = chronology(shipped(), replace(facts, visits=visits))
    return finding


def test_days_in_order_have_nothing_to_say() -> None:
    visits = [visit("screening", "06-01"), visit("baseline", "07-01"), visit("week_1", "07-25"), visit("week_2", None)]
    assert found(FACTS, *visits, visit("unscheduled", "07-20"), visit("log", None)) == []


def test_a_visit_after_death_is_refused_with_both_days_in_both_languages() -> None:
    died = replace(FACTS, end=End("died", day("07-19")))
    for key in ("week_2", "unscheduled"):
        finding = one(died, visit(key, "08-01"))
        assert (finding.rule, finding.severity, finding.days) == (
            Rule.AFTER_DEATH,
            "refused",
            ("2026-08-01", "2026-07-19"),
        )
    assert finding.text("en") == (
        "Unscheduled visit of 2026-08-01 lies after death on 2026-07-19: correct one of the two days."
    )
    assert finding.text("nl").startswith("Extra bezoek van 2026-08-01 ligt na het overlijden op 2026-07-19")
    assert found(died, visit("week_1", "07-19")) == []


def test_a_visit_after_another_end_is_asked_after() -> None:
    finding = one(replace(FACTS, end=End("lost", day("07-19"))), visit("week_1", "07-25"))
    assert (finding.rule, finding.severity) == (Rule.AFTER_END, "asked")


def test_a_visit_lies_not_after_the_day_of_saving() -> None:
    finding = one(FACTS, replace(visit("week_1", "07-25"), saved_on=day("07-24")))
    assert (finding.rule, finding.severity) == (Rule.AFTER_SAVING, "refused")
    assert found(FACTS, replace(visit("week_1", "07-25"), saved_on=day("07-25"))) == []


def test_before_the_first_consent_is_asked_after_and_without_consent_nothing_is() -> None:
    early = visit("screening", "06-01")
    consents = (ConsentDays(day("06-20")), ConsentDays(day("06-03")))
    assert found(replace(FACTS, consents=consents), early) == [
        (Rule.BEFORE_CONSENT, "screening", ("2026-06-01", "2026-06-03"))
    ]
    assert found(replace(FACTS, consents=()), early) == []


def test_after_the_last_withdrawal_is_refused_while_one_consent_stands_it_is_not() -> None:
    withdrawn = (ConsentDays(day("06-01"), day("07-20")), ConsentDays(day("06-02"), day("07-22")))
    late = visit("week_1", "07-25")
    assert found(replace(FACTS, consents=withdrawn), late) == [
        (Rule.AFTER_WITHDRAWAL, "week_1", ("2026-07-25", "2026-07-22"))
    ]
    assert found(replace(FACTS, consents=withdrawn), visit("week_1", "07-22")) == []
    assert found(replace(FACTS, consents=(*withdrawn, ConsentDays(day("06-05")))), late) == []


def test_a_visit_before_its_phase_and_a_baseline_after_the_allocation_are_asked_after() -> None:
    visits = [visit("baseline", "08-27"), visit("week_1", "07-03")]
    assert found(FACTS, *visits) == [
        (Rule.AFTER_ALLOCATION, "baseline", ("2026-08-27", "2026-07-18")),
        (Rule.BEFORE_PHASE, "week_1", ("2026-07-03", "2026-07-18")),
        (Rule.OUT_OF_ORDER, "week_1", ("2026-07-03", "2026-08-27")),
    ]


def test_a_visit_of_a_phase_that_never_opened_is_refused() -> None:
    finding = one(FACTS, visit("relapse", "08-01"))
    assert (finding.rule, finding.severity, finding.days) == (Rule.PHASE_NOT_OPENED, "refused", ("2026-08-01",))


def test_visits_that_change_places_are_asked_after_at_the_later_one() -> None:
    week_2, week_8 = visit("week_2", "09-12", target="08-01"), visit("week_8", "08-01", target="09-12")
    finding = one(FACTS, week_8, week_2)
    assert (finding.rule, finding.visit, finding.other, finding.severity) == (
        Rule.OUT_OF_ORDER,
        "week_8",
        "week_2",
        "asked",
    )
    assert finding.text("en") == (
        "Week 8, end of treatment of 2026-08-01 lies before Week 2 of 2026-09-12, which should have come earlier."
    )
    assert found(FACTS, week_2, replace(week_8, day=week_2.day)) == []


def test_a_visit_that_all_see_is_never_held_against_one_of_an_arm() -> None:
    session = visit("session_ect", "09-12", target="07-19")
    assert found(FACTS, session, visit("week_1", "07-25")) == []


def test_two_occurrences_on_one_day_are_refused_but_two_unscheduled_visits_are_asked_after() -> None:
    first, second = visit("session_ect", "07-19"), visit("session_ect", "07-19", ordinal=2, target="07-22")
    assert found(FACTS, first, second) == [(Rule.SAME_DAY, "session_ect-2", ("2026-07-19", "2026-07-19"))]
    assert one(FACTS, first, second).severity == "refused"
    assert one(FACTS, visit("unscheduled", "07-20"), visit("unscheduled", "07-20", ordinal=2)).severity == "asked"


@pytest.mark.parametrize(("on", "bound"), [("07-22", "07-23"), ("07-28", "07-27")])
def test_outside_the_window_is_asked_after_with_the_end_that_it_missed(on: str, bound: str) -> None:
    windowed = replace(visit("week_1", on, target="07-25"), earliest=day("07-23"), latest=day("07-27"))
    finding = one(FACTS, windowed)
    assert (finding.rule, finding.severity, finding.days) == (
        Rule.OUTSIDE_WINDOW,
        "asked",
        (f"2026-{on}", f"2026-{bound}"),
    )
    assert found(FACTS, replace(windowed, day=day("07-25"))) == []


def test_a_baseline_is_not_older_than_the_study_allows() -> None:
    baseline = visit("baseline", "07-01")
    aged = replace(baseline, definition=baseline.definition.model_copy(update={"oldest": 16}))
    assert found(FACTS, aged) == [(Rule.TOO_OLD, "baseline", ("2026-07-01", "2026-07-18"))]
    assert found(FACTS, replace(aged, day=day("07-02"))) == []


@pytest.mark.parametrize(
    ("on", "end", "rules"),
    [
        ("07-26", None, [Rule.AFTER_SAVING]),
        ("07-25", None, []),
        ("07-25", End("died", day("07-24")), [Rule.AFTER_DEATH]),
        ("07-25", End("lost", day("07-24")), []),
        ("07-24", End("died", day("07-24")), []),
    ],
)
def test_an_observed_day_lies_not_after_the_day_of_saving_nor_after_death(
    on: str, end: End | None, rules: list[Rule]
) -> None:
    item = ObservedDay("log", "events", "ae_start", Text(nl="Begin", en="Start"), day(on), saved_on=day("07-25"))
    findings = chronology(shipped(), replace(FACTS, end=end, observed=(item,)))
    assert [(finding.rule, finding.item, finding.severity) for finding in findings] == [
        (rule, "ae_start", "refused") for rule in rules
    ]


def test_the_order_of_the_facts_changes_the_order_of_the_findings_alone() -> None:
    visits = [
        visit("baseline", "08-27"),
        visit("week_1", "07-03"),
        visit("week_2", "09-12", target="08-01"),
        visit("week_8", "08-01", target="09-12"),
    ]
    expected = set(found(FACTS, *visits))
    for shuffled in itertools.permutations(visits):
        assert set(found(FACTS, *shuffled)) == expected


def test_what_a_reason_is_about_changes_with_either_day() -> None:
    died = replace(FACTS, end=End("lost", day("07-19")))
    first, other = one(died, visit("week_1", "07-25")), one(died, visit("week_1", "07-26"))
    assert first.about == "2026-07-25 2026-07-19"
    assert first.about != other.about


def test_the_study_exempts_a_visit_from_a_rule_and_no_other() -> None:
    facts = replace(FACTS, consents=(ConsentDays(day("06-03")),), visits=(visit("screening", "06-01"),))
    for exemption, left in (
        (Exemption(rule="before_consent", visits=("screening",), reason=SAID), 0),
        (Exemption(rule="before_consent", reason=SAID), 0),
        (Exemption(rule="before_consent", visits=("baseline",), reason=SAID), 1),
        (Exemption(rule="same_day", reason=SAID), 1),
    ):
        study = shipped().model_copy(update={"exemptions": (exemption,)})
        assert len(chronology(study, facts)) == left


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{rule: before_consent, visits: [strat], reason: {nl: Zorg, en: Care}}", "there is no visit `strat`"),
        ("{rule: before_consent, visits: [start, start], reason: {nl: Zorg, en: Care}}", "stands here twice"),
        ("{rule: after_saving, reason: {nl: Zorg, en: Care}}", "exemptions[0].rule"),
        ("{rule: before_consent}", "exemptions[0]"),
    ],
)
def test_the_check_names_an_exemption_that_cannot_be(tmp_path: Path, line: str, told: str) -> None:
    said = broken("study.yaml", "sponsor: Nobody", f"sponsor: Nobody\nexemptions:\n  - {line}")
    assert any(told in fault for fault in faults(tmp_path, said))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("day: 28, forms: [body]", "day: 28, forms: [body], oldest: 3", "only a visit before the allocation grows old"),
    ],
)
def test_the_check_names_a_visit_that_cannot_grow_old(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert any(told in fault for fault in faults(tmp_path, broken("study.yaml", old, new)))


def test_only_a_date_is_a_day_of_observation(tmp_path: Path) -> None:
    said = broken("forms/body.yaml", "key: weight\n", "key: weight\n        observed: true\n")
    assert any("only a date is a day of observation" in fault for fault in faults(tmp_path, said))


def test_a_study_that_does_without_the_keys_keeps_its_identity(tmp_path: Path) -> None:
    plain = definition(tmp_path / "plain").canonical_json()
    assert not any(f'"{key}"' in plain for key in ("exemptions", "oldest", "observed"))
    line = "exemptions:\n  - {rule: before_consent, visits: [start], reason: {nl: Zorg, en: Care}}"
    exempt = definition(
        tmp_path / "exempt", {"study.yaml": STUDY.replace("sponsor: Nobody", f"sponsor: Nobody\n{line}")}
    )
    assert '"exemptions"' in exempt.canonical_json()
