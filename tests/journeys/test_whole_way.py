"""One participant from screening to the locked and exported data, each step by the right person, in the browser."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from tests.blinding.words import arm_words
from tests.journeys.conftest import FIRST_DAY, Hire
from tests.journeys.staff import SITE, Member, first_codes, madrs
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role
from trialmgr.protocol.judgements import eligibility_form
from trialmgr.protocol.model import StudyDefinition, VisitDefinition

pytestmark = pytest.mark.journey

NUMBER = f"{SITE}-001"
CASEBOOK = f"/participants/{NUMBER}/"
ALLOCATED_ON = FIRST_DAY + datetime.timedelta(days=15)
ARM = "esketamine"  # the first row of the rehearsal list at this site
MADRS_BEFORE, MADRS_AFTER = 32, 14


@dataclass
class Way:
    """The participant's way, and the people who walk it with them, each signed in when first needed."""

    trial: Trial
    hire: Hire
    study: StudyDefinition
    people: dict[Role, Member] = field(default_factory=dict)

    def by(self, role: Role) -> Member:
        if role not in self.people:
            self.people[role] = self.hire(self.trial, role)
            if role is Role.RATER:
                self.people[role].met = []
            self.people[role].sign_in()
        return self.people[role]

    def move_to(self, days: int) -> None:
        """So many days after the first."""
        self.trial.move_to(FIRST_DAY + datetime.timedelta(days=days))

    def enter(self, slug: str, key: str, *, score: int = MADRS_BEFORE) -> None:
        """A form of a visit by the first of the roles that enter it."""
        form = self.study.form(key)
        if form.eligibility:
            form = eligibility_form(self.study, self.study.eligibility[-1])
        given = madrs(form, score) if key == "madrs" else first_codes(self.study, form)
        self.by(Role(form.entered_by[0])).enter(NUMBER, slug, form, given)


def test_one_participant_walks_the_whole_way(two_years: Trial, hire: Hire, reset_trd: StudyDefinition) -> None:
    way = Way(two_years, hire, reset_trd)
    _signs_in(way)
    _is_screened(way)
    _is_judged_eligible(way)
    _has_a_baseline(way)
    _is_randomised(way)
    _is_treated_and_rated(way)
    _is_questioned_corrected_verified_and_signed(way)
    _goes_on_into_the_follow_up_year(way)
    _completes_the_trial(way)
    _is_frozen_locked_and_released(way)
    _leaves_a_trail_that_the_inspector_reads(way)


def _signs_in(way: Way) -> None:
    coordinator = way.people[Role.COORDINATOR] = way.hire(way.trial, Role.COORDINATOR)
    coordinator.open("/account/login/")
    coordinator.look("sign-in")
    coordinator.give_password("something else")
    coordinator.press("Sign in")
    coordinator.reads("The user name or the password is not right: type both again.")
    coordinator.look("sign-in-error", answered=True)
    coordinator.give_password()
    coordinator.press("Sign in")
    coordinator.reads("Nothing waits for you now.")
    coordinator.look()


def _is_screened(way: Way) -> None:
    coordinator, today = way.by(Role.COORDINATOR), way.trial.today
    coordinator.follow("Participants")
    coordinator.reads("No participant matches the filter.")
    coordinator.look()
    coordinator.follow("Register a participant")
    coordinator.look("register")
    coordinator.press("Register")
    coordinator.look("register-error", answered=True)
    coordinator.give_day("on", today)
    coordinator.press("Register")
    coordinator.reads(f"Participant {NUMBER} is registered.")
    assert coordinator.path == f"{CASEBOOK}consent/"
    coordinator.look("consent")
    coordinator.give_day("given_on", today)
    coordinator.press("Record consent")
    coordinator.reads("Consent is recorded.")
    assert coordinator.path == CASEBOOK
    coordinator.follow("Screening")
    assert coordinator.path == f"{CASEBOOK}visits/screening/"
    coordinator.open(f"{CASEBOOK}contact/")
    coordinator.page.get_by_label("Name").fill("A. Voorbeeld")
    coordinator.page.get_by_label("Telephone").fill("0612345678")
    coordinator.look("contact-details", answered=True)
    coordinator.press("Save")
    coordinator.look("casebook-screening")
    _screening_forms(way)


def _screening_forms(way: Way) -> None:
    coordinator = way.by(Role.COORDINATOR)
    coordinator.record_visit(NUMBER, "screening")
    coordinator.reads("The day of the visit is saved.")
    coordinator.look("visit")
    demographics = way.study.form("demographics")
    coordinator.follow("Demographics")
    coordinator.look("form-empty")
    coordinator.answer(demographics, {"birth_year": "2012", "sex": "f"})
    coordinator.press("Save")
    coordinator.reads("There is a problem", "younger than 18")
    coordinator.look("form-error", answered=True)
    coordinator.answer(demographics, {"birth_year": "1978", "sex": "f"})
    coordinator.save_complete()
    coordinator.look("form-saved", answered=True)
    way.enter("screening", "vital_signs")
    rater = way.by(Role.RATER)
    rater.look("work-list-rater")
    way.enter("screening", "madrs")
    rater.look("rating")
    for key in way.study.visit("screening").must_complete:
        if key not in ("demographics", "vital_signs", "madrs", "eligibility"):
            way.enter("screening", key)


def _is_judged_eligible(way: Way) -> None:
    investigator = way.by(Role.INVESTIGATOR)
    way.enter("screening", "eligibility")
    investigator.look()
    investigator.open("/")
    investigator.look("work-list")
    investigator.open(f"{CASEBOOK}eligibility/")
    investigator.look("eligibility")
    investigator.follow("Judge eligibility")
    investigator.look("eligibility-check")
    investigator.sign_again("Record my judgement", look="sign-in-again")
    investigator.reads("The judgement on eligibility is recorded and signed.", "Eligible")
    investigator.look("eligibility-judged", answered=True)


def _has_a_baseline(way: Way) -> None:
    coordinator = way.by(Role.COORDINATOR)
    way.move_to(14)
    coordinator.open(f"{CASEBOOK}randomise/")
    coordinator.reads("This participant cannot be randomised now")
    coordinator.look("randomise-refused")
    coordinator.record_visit(NUMBER, "baseline")
    for key in way.study.visit("baseline").must_complete:
        way.enter("baseline", key)
    coordinator.open(f"{CASEBOOK}visits/baseline/forms/ids_sr/")
    coordinator.look("questionnaire")


def _is_randomised(way: Way) -> None:
    coordinator, rater = way.by(Role.COORDINATOR), way.by(Role.RATER)
    way.move_to(15)
    coordinator.open("/")
    coordinator.look("work-list-coordinator")
    coordinator.open(CASEBOOK)
    coordinator.follow("Randomise")
    coordinator.reads("Check your answers", "Eligible, judged by")
    coordinator.look("randomise-check")
    coordinator.sign_again("Randomise")
    assert coordinator.path == f"{CASEBOOK}allocation/"
    coordinator.reads(way.study.arm(ARM).label("en"))
    coordinator.look("allocation")
    rater.open(f"{CASEBOOK}allocation/", status=403)
    rater.look("refused")
    rater.open(CASEBOOK)
    rater.look("casebook-rater")


def _is_treated_and_rated(way: Way) -> None:
    for slug, visit, day in _planned(way.study, "treatment"):
        way.trial.move_to(day)
        way.by(Role.COORDINATOR).record_visit(NUMBER, slug)
        for key in visit.must_complete:
            way.enter(slug, key, score=_madrs_on(day))
        if slug == "session_esk-1":
            _session_was_seen(way)
    way.by(Role.COORDINATOR).open(CASEBOOK)
    way.by(Role.COORDINATOR).look("casebook-treatment")


def _session_was_seen(way: Way) -> None:
    team = way.by(Role.TREATING_TEAM)
    team.look("session", answered=True)
    team.open(f"{CASEBOOK}visits/log/forms/adverse_event/")
    team.look()
    team.follow("Add a row")
    event = way.study.form("adverse_event")
    team.look("adverse-event")
    team.answer(event, first_codes(way.study, event) | {"ae_ongoing": "yes"})
    team.save_complete()
    team.look()
    team.open(f"{CASEBOOK}visits/log/forms/adverse_event/rows/")
    team.look("adverse-events")


def _planned(study: StudyDefinition, phase: str) -> list[tuple[str, VisitDefinition, datetime.date]]:
    """(slug, visit, day) of the scheduled visits of a phase that this arm has, in the order of their days."""
    visits = [one for one in study.visits if one.phase == phase and one.kind == "scheduled"]
    found = [
        (visit.slug(ordinal), visit, ALLOCATED_ON + datetime.timedelta(days=days))
        for visit in visits
        if ARM in (visit.arms or (ARM,))
        for ordinal, days in enumerate(visit.occurrences(), start=1)
    ]
    return sorted(found, key=lambda one: one[2])


def _madrs_on(day: datetime.date) -> int:
    """A score that falls evenly over the eight weeks."""
    share = min((day - ALLOCATED_ON).days / 56, 1)
    return round(MADRS_BEFORE + (MADRS_AFTER - MADRS_BEFORE) * share)


def _is_questioned_corrected_verified_and_signed(way: Way) -> None:
    weight = f"{CASEBOOK}visits/baseline/forms/vital_signs/"
    _is_questioned(way, weight)
    _is_corrected(way, weight)
    monitor, coordinator = way.by(Role.MONITOR), way.by(Role.COORDINATOR)
    monitor.open("/")
    monitor.look("work-list-monitor")
    monitor.open("/queries/")
    monitor.follow(re.compile("The record says 73.5 kg"))
    monitor.page.get_by_label("Message").fill("The answer is clear.")
    monitor.press("Close the query")
    monitor.reads("Your message is saved.", "Closed")
    monitor.look("query-closed", answered=True)
    monitor.open(weight)
    monitor.follow("Verify against the source")
    monitor.page.get_by_label(re.compile("^Weight")).check()
    monitor.look("verify")
    monitor.press("Save")
    monitor.reads("Verified: 1.")
    coordinator.open(weight)
    coordinator.reads("Verified")
    _is_signed(way, weight)


def _is_questioned(way: Way, weight: str) -> None:
    monitor, coordinator = way.by(Role.MONITOR), way.by(Role.COORDINATOR)
    monitor.open(weight)
    monitor.look("form-monitor")
    monitor.follow(re.compile(r"^Raise a query\s*: Weight"))
    monitor.look("query-raise")
    monitor.page.get_by_label("Your question").fill("The record says 73.5 kg. Please check.")
    monitor.press("Raise the query")
    monitor.reads("The query is raised.", "1 open query")
    coordinator.open("/")
    coordinator.reads("Queries to answer")
    coordinator.open("/queries/")
    coordinator.look("queries")
    coordinator.follow(re.compile("The record says 73.5 kg"))
    coordinator.page.get_by_label("Your answer").fill("Copied wrongly; corrected to 73.5 kg.")
    coordinator.look("query", answered=True)
    coordinator.press("Answer")
    coordinator.reads("Your message is saved.", "Answered")


def _is_corrected(way: Way, weight: str) -> None:
    coordinator = way.by(Role.COORDINATOR)
    coordinator.open(weight)
    box = coordinator.page.get_by_label("Weight", exact=True)
    box.fill("73.5")
    coordinator.press("Save")
    coordinator.reads("A saved value changes: give the reason.", "Saved earlier: 74.5 kg")
    coordinator.look("correction", answered=True)
    assert box.input_value() == "73.5"
    coordinator.page.get_by_label("Reason for the change").select_option(label="Answer to a query")
    coordinator.save_complete()
    coordinator.follow("History")
    coordinator.reads("74.5", "73.5", "Answer to a query")
    coordinator.look("history")


def _is_signed(way: Way, form: str) -> None:
    investigator = way.by(Role.INVESTIGATOR)
    investigator.open(form)
    investigator.follow("Sign this form")
    investigator.look("sign")
    investigator.sign_again("Sign")
    investigator.reads("The form is signed.", "Signed by Investigator UMCG")
    investigator.look("form-signed", answered=True)


def _goes_on_into_the_follow_up_year(way: Way) -> None:
    investigator = way.by(Role.INVESTIGATOR)
    investigator.open("/")
    investigator.reads("Decision at week 8")
    investigator.open(CASEBOOK)
    investigator.follow("Decision at week 8")
    investigator.reads(str(MADRS_BEFORE), str(MADRS_AFTER), "The follow-up year begins.")
    investigator.look("decision")
    investigator.sign_again("Record this decision")
    investigator.reads("Follow-up year", "Month 12")
    investigator.look("casebook-follow-up", answered=True)
    _met_no_arm(way)


def _met_no_arm(way: Way) -> None:
    """Up to here the rater has rated every week, and was never shown a trace of the treatment."""
    rater = way.by(Role.RATER)
    for path in ("/", "/participants/", CASEBOOK, "/queries/"):
        rater.open(path)
        rater.look()
    words = arm_words(way.study)
    assert rater.met is not None
    assert len(rater.met) > 30
    assert not [found.group() for page in rater.met if (found := words.search(page))]


def _completes_the_trial(way: Way) -> None:
    coordinator = way.by(Role.COORDINATOR)
    for slug, visit, day in _planned(way.study, "follow_up"):
        way.trial.move_to(day)
        coordinator.record_visit(NUMBER, slug)
        for key in visit.must_complete:
            way.enter(slug, key, score=MADRS_AFTER)
    _cannot_be_locked_yet(way)
    ending = way.study.form("end_of_participation")
    coordinator.open(f"{CASEBOOK}visits/log/forms/{ending.key}/")
    coordinator.answer(ending, {"eop_status": "completed"})
    coordinator.look("end-of-participation", answered=True)
    coordinator.save_complete()
    coordinator.open(CASEBOOK)
    coordinator.reads("Completed", "Nothing is due.")
    coordinator.look("casebook-completed")


def _cannot_be_locked_yet(way: Way) -> None:
    manager = way.by(Role.DATA_MANAGER)
    manager.open("/releases/")
    manager.reads("The study can be locked once nothing is open.", "1 participant has not ended.")
    manager.look("releases-open")
    manager.open("/releases/lock/")
    manager.page.get_by_label("Reason").fill("The last participant has completed the trial.")
    manager.sign_again("Lock the study")
    manager.reads("There is a problem", "1 participant has not ended.")
    manager.look("lock-refused", answered=True)


def _is_frozen_locked_and_released(way: Way) -> None:
    manager = way.by(Role.DATA_MANAGER)
    manager.open(CASEBOOK)
    manager.unfold("About this participant")
    manager.follow("Freeze the casebook")
    manager.look("freeze")
    manager.press("Freeze the casebook")
    manager.reads("The casebook is frozen.")
    manager.follow("Releases")
    manager.reads("Nothing is open.")
    manager.follow("Lock the study")
    manager.page.get_by_label("Reason").fill("The last participant has completed the trial.")
    manager.look("lock", answered=True)
    manager.sign_again("Lock the study")
    manager.reads("The study is locked: no data can change.")
    manager.look("releases-locked")
    _cannot_be_changed_any_more(way)
    manager.follow("Make a release")
    manager.page.get_by_label("Everything, with the allocation").check()
    manager.look("release-make", answered=True)
    manager.sign_again("Make the release")
    manager.reads("Release 1 is made.")
    manager.look("release", answered=True)
    _opens(_downloaded(manager), way)


def _cannot_be_changed_any_more(way: Way) -> None:
    coordinator = way.by(Role.COORDINATOR)
    coordinator.open(f"{CASEBOOK}visits/baseline/forms/vital_signs/")
    coordinator.reads(
        "You can read this form; nothing can be entered now:",
        "The study is locked: a data manager can unlock it, with a reason.",
    )
    coordinator.look("form-locked")


def _downloaded(manager: Member) -> Path:
    """Every file of the release, taken along one by one."""
    folder = manager.trial.folder / "taken-along"
    links = manager.page.locator("main table a").all()
    assert links
    for link in links:
        with manager.page.expect_download() as download:
            link.click()
        name = download.value.suggested_filename.removeprefix("release-1-")
        download.value.save_as(folder / name)
    return folder


def _opens(folder: Path, way: Way) -> None:
    """The files open in pandas and openpyxl, hold what was entered, and match their manifest."""
    sessions = pd.read_csv(folder / "form_session_esketamine.csv")
    assert len(sessions) == 16
    vitals = pd.read_csv(folder / "form_vital_signs.csv")
    assert vitals.loc[vitals["visit"] == "baseline", "weight_kg"].tolist() == [73.5]
    ratings = pd.read_csv(folder / "form_madrs.csv")
    assert ratings.loc[ratings["visit"] == "week_8", "madrs_total"].tolist() == [MADRS_AFTER]
    [workbook] = folder.glob("*.xlsx")
    book = openpyxl.load_workbook(workbook, read_only=True)
    assert {"participants", "form_madrs"} <= set(book.sheetnames)
    book.close()
    [kept] = way.trial.releases.iterdir()
    way.trial.site.run("manage.py", "release", "verify", str(kept))


def _leaves_a_trail_that_the_inspector_reads(way: Way) -> None:
    inspector = way.by(Role.INSPECTOR)
    inspector.look("work-list-inspector")
    inspector.open(f"/audit/?participant={NUMBER}")
    inspector.page.locator("summary").nth(1).click()
    inspector.look("audit-trail")
    inspector.open("/audit/1/")
    inspector.look()
    inspector.open(f"{CASEBOOK}visits/baseline/forms/vital_signs/rows/1/history/weight_kg/")
    inspector.reads("74.5", "73.5", "Answer to a query")
    inspector.look("history-item")
    verdict = json.loads(way.trial.site.run("manage.py", "audit", "verify", "--json"))
    assert verdict["whole"]
