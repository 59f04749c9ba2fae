"""The pages that are kept as pictures under ``docs/screenshots``, in the order in which a reader meets them.

Pictures are taken where they are wanting, or all of them anew with TRIALMGR_SCREENSHOTS=1, so that a run of the tests
leaves the tree as it was.
"""

from __future__ import annotations

import os
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "screenshots"
PAGE = DOCS / "screenshots.md"
ANEW = os.environ.get("TRIALMGR_SCREENSHOTS") == "1"
MOST_BYTES = 180_000
# A long page is cut at the first of these that keeps its file small.
HEIGHTS = (1600, 1300, 1050, 800)

SCREENS = {
    "sign-in": "Signing in with user name and password",
    "sign-in-error": "A sign-in that failed: the error summary says what is wrong and holds the focus",
    "register": "The coordinator registers a participant; no name is asked",
    "register-error": "Registering without a day: the summary leads to the boxes that need mending",
    "consent": "Consent, which comes before everything else",
    "contact-details": "Contact details, kept encrypted and apart from the study data",
    "casebook-screening": "The casebook of a participant in screening: what is due, what is known, and the visits",
    "visit": "A visit: its window, its day, and its forms",
    "form-empty": "An empty form: no value is filled in beforehand",
    "form-error": "A form that is refused: the summary leads to the question, and everything typed is still there",
    "form-saved": "The form, complete and saved",
    "work-list-rater": "What waits for a blinded rater",
    "rating": "A MADRS rating; the total is calculated from the items",
    "work-list": "What waits for an investigator: an eligibility to judge",
    "eligibility": "The criteria in force, with answers, rules and result",
    "eligibility-check": "Before judging eligibility: check the answers",
    "sign-in-again": "An act that counts as a signature asks for the password again",
    "eligibility-judged": "Eligibility as judged and signed",
    "randomise-refused": "Randomisation refused, with every reason",
    "questionnaire": "A questionnaire; a reason for change is asked only where a saved value changes",
    "work-list-coordinator": "What waits for a coordinator: a participant to randomise",
    "randomise-check": "Before randomising: check the answers",
    "allocation": "The confirmation of an allocation, for those who may know the arm",
    "refused": "A blinded rater is refused the allocation",
    "casebook-rater": "The same casebook for a blinded rater: no trace of the arm",
    "session": "A treatment session as its treating team saved it",
    "adverse-event": "An adverse event",
    "adverse-events": "The adverse events of a participant",
    "casebook-treatment": "The casebook after eight weeks of treatment",
    "form-monitor": "A form as a monitor reads it, with a way to raise a query at each item",
    "query-raise": "The monitor raises a query",
    "queries": "The list of queries",
    "query": "The coordinator answers a query",
    "correction": "A saved value changes: the page asks why and shows what it was",
    "history": "The history of a form: who changed what, when and why",
    "work-list-monitor": "What waits for a monitor: an answered query",
    "query-closed": "The query, closed by the monitor",
    "verify": "Values held against their source",
    "sign": "Before signing a form: check the answers",
    "form-signed": "The form, signed by the investigator",
    "decision": "The decision at week 8: the rule, the values it reads, and what comes of it",
    "casebook-follow-up": "The casebook once the follow-up year has opened",
    "releases-open": "What is open before the study can be locked",
    "lock-refused": "A lock refused, with what is open",
    "end-of-participation": "The end of participation",
    "casebook-completed": "The casebook of a participant who has completed the trial",
    "freeze": "The data manager freezes a casebook",
    "lock": "Locking the study, with a reason",
    "releases-locked": "The study is locked",
    "form-locked": "A form of the locked study can be read and no longer changed",
    "release-make": "Making a release of the locked data",
    "release": "The release with its files",
    "work-list-inspector": "An inspector's first page",
    "audit-trail": "The audit trail of a participant",
    "history-item": "The history of one value",
    "recruitment": "Recruitment by site and by month",
    "decision-no-response": "The decision at week 8 for a participant who has not improved enough (in Dutch)",
    "casebook-no-response": "The follow-up year has not opened, and the casebook says why (in Dutch)",
    "not-found": "A visit that does not exist for this participant (in Dutch)",
    "participants": "The participants of a site: status, phase, and what is due next",
    "work-list-busy": "What waits for a coordinator in a trial under way",
    "visit-not-done": "A visit that did not take place",
    "form-not-done": "A whole form that was not done, for one reason",
    "row-remove": "A row entered by mistake is removed; its values stay in the audit trail",
    "consent-withdraw": "A participant withdraws consent",
    "unfreeze": "A data manager unfreezes a frozen casebook, with a reason",
    "lists": "The randomisation list as an unblinded statistician sees it: never its rows",
    "list-make": "Making a list: check the design",
    "list": "The design and the manifest of a list",
    "work-list-data-manager": "A list made by one person waits for a second to activate it",
    "list-activate": "Activating a list",
    "people": "The people of the trial and their roles",
    "person-add": "An administrator adds a person, without a password",
    "person": "A person: account and roles",
    "role-grant": "Granting a role",
    "password-link": "The link by which a person sets a password: shown once, works once",
    "password-set": "A person sets a password",
    "password-change": "Changing one's own password",
    "person-deactivate": "An account is closed, with a reason",
    "sites": "The sites of the trial",
    "site-close": "Closing a site",
    "second-factor-set-up": "The first sign-in demands a second factor",
    "recovery-codes": "Recovery codes, for whoever is without a telephone",
    "second-factor-code": "Signing in with the code of an authenticator app",
    "second-factor-used": "A code that was used before is refused",
    "second-factor": "One's own second factor",
    "second-factor-stop": "Whoever stops using the app must set up a second factor again before going on",
    "form-live": "While a form is filled in, questions come and go and scores are calculated",
    "envelope-enter": "An envelope that was opened while the system could not be reached is entered afterwards",
    "allocation-correct": "A level that was wrong at the allocation is corrected beside the one as randomised",
    "allocation-in-error": "A participant is flagged as randomised in error; they stay in the trial",
    "allocation-in-error-sign": "An investigator countersigns the flag",
    "code-break": "An investigator breaks the code in an emergency: what it means for whoever works blinded",
    "balance": "Balance of the arms, for the unblinded statistician alone",
    "description": "The randomisation in words: public, restricted, and for the report",
    "compare": "Designs to be compared by simulation",
    "list-import": "A list that an independent statistician made is imported",
    "list-extend": "Places are added to the list in force",
    "envelopes": "Reserved places are printed as sealed envelopes",
    "extension-activate": "The activation of an extension: a second person does it, not the one who made it",
    "study-versions": "The versions of the study, where each counts and from which day",
    "study-version": "A version of the study: who proposed and approved it, where it counts, what it changes",
    "study-approve": "Approving a version: this one is approved already",
    "code-breaks": "The code breaks of the trial",
    "code-break-notice": "Notice is taken of a code break",
    "limits": "Caps and holds of the randomisation",
    "limits-cap": "Setting a cap",
    "limits-hold": "Putting randomisation on hold",
    "limits-hold-end": "Ending a hold",
    "standing": "Where the sites stand; each figure opens its list",
    "standing-list": "The forms that are to be verified at one site: sorted, filtered, ticked",
    "selection": "What was ticked, by name, before it is verified",
    "open-points": "What is open before a lock, by kind and site",
    "open-points-list": "The list of one kind of open points",
    "flow": "The flow diagram after CONSORT 2025, by arm, with the same figures as a table",
}


def path_of(name: str) -> Path:
    """Where the picture of this page stands; KeyError for a page that has none."""
    number = list(SCREENS).index(name) + 1 if name in SCREENS else 0
    if not number:
        raise KeyError(f"{name} is no screen of {Path(__file__).name}")
    return FOLDER / f"{number:02d}-{name}.png"


def is_wanted(name: str) -> bool:
    return ANEW or not path_of(name).exists()


def page() -> str:
    """``docs/screenshots.md``: every picture with one line that says what it shows."""
    head = (
        "# Screenshots\n\n"
        "One participant's way through a demo of the trial, then the other pages. The journeys in `tests/journeys/`\n"
        "take the pictures and write this page; with `TRIALMGR_SCREENSHOTS=1` they take them anew.\n"
    )
    entries = [
        f"\n## {number}. {text}\n\n![{text}](screenshots/{path_of(name).name})\n"
        for number, (name, text) in enumerate(SCREENS.items(), start=1)
    ]
    return head + "".join(entries)
