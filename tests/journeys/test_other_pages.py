"""The pages beside one participant's way: people, sites, lists, and what goes otherwise than planned."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser

from tests.journeys.conftest import Hire
from tests.journeys.reader import Looks, Reader
from tests.journeys.staff import Member, first_codes
from tests.journeys.trial import Trial
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition

pytestmark = pytest.mark.journey

NEW_PASSWORD = "a long new passphrase"


def test_an_administrator_keeps_people_and_sites(one_day: Trial, hire: Hire, browser: Browser, looks: Looks) -> None:
    administrator = hire(one_day, Role.ADMINISTRATOR)
    administrator.sign_in()
    administrator.open("/people/")
    administrator.look("people")
    administrator.follow("Add a person")
    for label, text in (("User name", "j.devries"), ("First name", "Jo"), ("Last name", "de Vries")):
        administrator.page.get_by_label(label).fill(text)
    administrator.page.get_by_label("E-mail").fill("jo@example.org")
    administrator.look("person-add", answered=True)
    administrator.look()
    administrator.press("Add a person")
    administrator.reads("The account is made.", "No password yet")
    administrator.look("person")
    administrator.follow("Grant a role")
    administrator.page.get_by_label("Role").select_option("monitor")
    administrator.look("role-grant", answered=True)
    administrator.press("Grant a role")
    administrator.reads("The role is granted.", "Monitor")
    administrator.press("Make a link to set a password")
    administrator.look("password-link", answered=True)
    link = administrator.page.locator(".tm-key").inner_text()
    _sets_a_password(Reader(browser, one_day.address, looks, "en"), link)
    administrator.open("/people/j.devries/roles/1/end/")
    administrator.look()
    administrator.open("/people/j.devries/deactivate/")
    administrator.page.get_by_label("Reason").fill("Left the trial.")
    administrator.look("person-deactivate", answered=True)
    administrator.look()
    administrator.press("Deactivate this account")
    administrator.reads("The account is deactivated.")
    _keeps_sites(administrator)


def _sets_a_password(newcomer: Reader, link: str) -> None:
    """The link works once; the first sign-in after it is by the password that only its owner knows."""
    newcomer.open(link)
    newcomer.look("password-set")
    for label in ("New password", "New password, once more"):
        newcomer.page.get_by_label(label, exact=True).fill(NEW_PASSWORD)
    newcomer.press("Set password")
    newcomer.reads("Your password is set. Sign in with it.")
    newcomer.open(link, status=410)
    newcomer.look()
    newcomer.open("/account/login/")
    newcomer.page.locator("[name=login]").fill("j.devries")
    newcomer.page.locator("[name=password]").fill(NEW_PASSWORD)
    newcomer.press("Sign in")
    newcomer.follow("Jo de Vries")
    newcomer.look()
    newcomer.follow("Change your password")
    newcomer.look("password-change")
    newcomer.open("/account/logout/")
    newcomer.look()
    newcomer.context.close()


def _keeps_sites(administrator: Reader) -> None:
    administrator.open("/sites/")
    administrator.look("sites")
    administrator.follow("Close")
    administrator.look("site-close")
    administrator.open("/sites/UMCG/activate/")
    administrator.look()
    administrator.open("/account/inactive/")
    administrator.look()


# Page -> the name of its picture.
ALLOCATED = {
    Role.COORDINATOR: {
        "randomise/envelope/": "envelope-enter",
        "allocation/correct/": "allocation-correct",
        "allocation/in-error/": "allocation-in-error",
    },
    Role.INVESTIGATOR: {"allocation/in-error/sign/": "allocation-in-error-sign", "code-break/": "code-break"},
}
TRIAL_WIDE = {
    Role.UNBLINDED_STATISTICIAN: {
        "/randomization/balance/": "balance",
        "/randomization/description/": "description",
        "/randomization/compare/": "compare",
        "/randomization/import/": "list-import",
        "/randomization/1/extend/": "list-extend",
        "/randomization/1/envelopes/": "envelopes",
        "/randomization/1/extensions/1/activate/": "extension-activate",
        "/recruitment/": "recruitment",
        "/recruitment/flow/": "flow",
        "/study/": "study-versions",
        "/study/1/": "study-version",
        "/study/1/approve/": "study-approve",
    },
    Role.DATA_MANAGER: {
        "/code-breaks/": "code-breaks",
        "/code-breaks/1/notice/": "code-break-notice",
        "/randomization/limits/": "limits",
        "/randomization/limits/trial/cap/": "limits-cap",
        "/randomization/limits/trial/hold/": "limits-hold",
        "/randomization/limits/trial/hold/end/": "limits-hold-end",
    },
}


def test_what_can_happen_to_an_allocation_has_a_page_each(one_day: Trial, hire: Hire) -> None:
    number = one_day.prepare("much_noted")
    for role in (*ALLOCATED, *TRIAL_WIDE):
        reader = hire(one_day, role)
        reader.sign_in()
        own = {f"/participants/{number}/{page}": name for page, name in ALLOCATED.get(role, {}).items()}
        for page, name in (own | TRIAL_WIDE.get(role, {})).items():
            reader.open(page)
            if reader.path != page:  # a page with a file asks for the password before it is opened
                reader.go_on_by_password()
            assert reader.path == page
            reader.look(name)


def test_slips_are_taken_back_and_judgements_looked_at_again(one_day: Trial, hire: Hire) -> None:
    number, ended = one_day.prepare("slipped").split()
    casebook = f"/participants/{number}/"
    pages = {
        Role.COORDINATOR: (
            f"{casebook}consent/consent_v1/correct/",
            f"{casebook}consent/consent_v1/withdraw/undo/",
            f"{casebook}visits/week_1/reopen/",
            f"{casebook}visits/screening/deviations/explain/",
            f"/participants/{ended}/ending/undo/",
            f"{casebook}registration/",
            f"{casebook}void/",
            f"{casebook}allocation/in-error/withdraw/",
        ),
        Role.INVESTIGATOR: (
            f"{casebook}eligibility/confirm/",
            f"{casebook}phases/follow_up/confirm/",
            f"{casebook}phases/follow_up/undo/",
            f"{casebook}allocation/in-error/withdraw/sign/",
            f"{casebook}visits/week_1/deviations/weigh/",
            "/deviations/",
        ),
        Role.DATA_MANAGER: (f"{casebook}site/",),
    }
    for role, own in pages.items():
        reader = hire(one_day, role)
        reader.sign_in()
        for page in own:
            reader.open(page)
            assert reader.path == page
            reader.look()


def test_one_makes_a_list_and_another_activates_it(own_day: Trial, hire: Hire) -> None:
    statistician = hire(own_day, Role.UNBLINDED_STATISTICIAN)
    statistician.sign_in()
    statistician.open("/randomization/")
    statistician.look("lists")
    statistician.follow("Make a list")
    statistician.look("list-make")
    statistician.sign_again("Make the list")
    statistician.open("/randomization/2/")
    statistician.look("list")
    statistician.open("/randomization/2/activate/")
    statistician.reads("This list cannot be activated by you now")
    statistician.look()

    manager = hire(own_day, Role.DATA_MANAGER)
    manager.sign_in()
    manager.reads("Lists to activate")
    manager.look("work-list-data-manager")
    manager.open("/duties/activation/")
    manager.look()
    manager.open("/randomization/2/activate/")
    manager.look("list-activate")
    manager.sign_again("Activate the list")
    manager.reads("In force")


def test_a_visit_goes_otherwise_than_planned(one_day: Trial, hire: Hire, reset_trd: StudyDefinition) -> None:
    number = one_day.prepare("screened")
    casebook = f"/participants/{number}/"
    screening = f"{casebook}visits/screening/"
    coordinator, rater = hire(one_day, Role.COORDINATOR), hire(one_day, Role.RATER)
    coordinator.sign_in()
    coordinator.look("work-list-busy")
    coordinator.follow("Planned visits of this week")
    coordinator.look()
    coordinator.follow(re.compile("^Calendar file of"))
    coordinator.look()
    coordinator.open(f"{casebook}calendar/")
    coordinator.look()
    coordinator.open("/participants/")
    coordinator.look("participants")
    coordinator.open(f"{casebook}visits/add/")
    coordinator.look()
    coordinator.open(f"{casebook}visits/baseline/not-done/")
    coordinator.page.get_by_label("Reason").fill("The participant was ill.")
    coordinator.look("visit-not-done", answered=True)
    coordinator.look()
    coordinator.press("Save")
    coordinator.reads("The visit is recorded as not done.")
    coordinator.open(f"{screening}forms/vital_signs/not-done/")
    coordinator.look("form-not-done")
    _removes_a_row(coordinator, f"{casebook}visits/log/forms/concomitant_medication/", reset_trd)
    coordinator.open(f"{casebook}consent/")
    coordinator.follow("Record withdrawal")
    coordinator.look("consent-withdraw")
    coordinator.open(f"{casebook}contact/")
    coordinator.page.get_by_label("Name").fill("A. Voorbeeld")
    coordinator.press("Save")
    coordinator.open(f"{casebook}contact/erase/")
    coordinator.look()
    rater.sign_in()
    rater.open(f"{screening}forms/madrs/rows/1/history/")
    rater.look()
    _asks_about_what_is_not_there(hire(one_day, Role.MONITOR), casebook)

    manager = hire(one_day, Role.DATA_MANAGER)
    manager.sign_in()
    manager.open(f"{casebook}freeze/")
    manager.press("Freeze the casebook")
    manager.open(f"{casebook}freeze/")
    manager.look("unfreeze")
    for page in (f"{screening}freeze/", f"{screening}forms/madrs/freeze/", "/freezes/sites/LUMC/"):
        manager.open(page)
        manager.look()
        manager.page.locator("main button[type=submit]").click()
        manager.open(page)
        manager.reads("Unfreeze")
        manager.look()
    manager.open("/freezes/")
    manager.look()


def _asks_about_what_is_not_there(monitor: Member, casebook: str) -> None:
    monitor.sign_in()
    here = {
        "visits/screening/": "",
        "visits/log/forms/adverse_event/": "",
        "visits/screening/forms/madrs/rows/1/": "madrs_1/",
    }
    for missing, item in here.items():
        monitor.open(f"{casebook}{missing}queries/raise/{item}")
        monitor.look()
        monitor.page.get_by_label("Your question").fill("Is something missing?")
        monitor.press("Raise the query")
        monitor.reads("The query is raised.")
        monitor.open(f"{casebook}{missing}queries/1/")
        monitor.look()


def _removes_a_row(coordinator: Member, rows: str, study: StudyDefinition) -> None:
    medicine = study.form("concomitant_medication")
    coordinator.open(f"{rows}rows/new/")
    coordinator.answer(medicine, first_codes(study, medicine) | {"cm_name": "paracetamol", "cm_unit": "mg"})
    coordinator.save_complete()
    coordinator.open(f"{rows}rows/1/move/")
    coordinator.look()
    coordinator.open(f"{rows}rows/1/remove/")
    coordinator.page.get_by_label("Reason").fill("Entered twice.")
    coordinator.look("row-remove", answered=True)
    coordinator.look()
    coordinator.press("Remove this row")
    coordinator.reads("Row 1 is removed.")
