"""Papers: casebook, audit trail and blank forms hold what their pages show this person, and nothing else."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import translation

from audit.models import LedgerEntry
from crf.actions import (
    answer_query,
    judge_deviation,
    mark_not_done,
    mark_visit_not_done,
    raise_query,
    raise_query_on_form,
    raise_query_on_visit,
    save_entry,
    set_visit_day,
    sign_entry,
    verify_items,
)
from crf.models import FormEntry, ProtocolDeviation
from crf.places import casebook_place
from tests import walk
from tests.amendments import amended, items, new_item, put_in_force
from tests.blinding.worlds import build
from tests.crf.pages import Reader, casebook_url
from tests.printing.reading import squeezed, text_of
from trialmgr.overview.papers.casebooks import casebook_document, casebook_paper
from trialmgr.overview.papers.forms import Sheet, blank_document, blank_paper, sheets_of, visits_in_sight
from trialmgr.overview.papers.trail import trail_document, trail_paper
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.printing import printable
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]
AT = datetime.datetime(2026, 12, 1, 15, 30, tzinfo=datetime.UTC)
HOSTILE = '#panic("x") $x^2$ *b* <label> @label `raw` \\u{41} // /* [ ] { } ' + "w" * 90 + " 🙂 שלום"


def squeezed_lines(*lines: str) -> list[str]:
    return [squeezed(line) for line in lines]


def entry_at(participant: Participant, visit: str, form: str) -> FormEntry:
    found: FormEntry = FormEntry.objects.select_related("visit__participant__site").get(
        visit=walk.visit_of(participant, visit), form_key=form
    )
    return found


def everything(cast: Cast) -> Participant:
    """One casebook with something of each kind on it."""
    person = walk.at_week_8(cast)
    monitor, coordinator = cast.at("", Role.MONITOR), cast.at(walk.SITE, Role.COORDINATOR)
    vital = entry_at(person, "screening", "vital_signs")
    query = raise_query(by=monitor, entry=vital, item="weight_kg", text="Was this weighed?")
    answer_query(by=coordinator, query=query, text="Yes, on the ward.")
    verify_items(by=monitor, entry=vital, items=["pulse"])
    investigator = cast.at(walk.SITE, Role.INVESTIGATOR)
    for form, meaning in (("vital_signs", "I have seen this"), ("demographics", "This is right")):
        sign_entry(by=investigator, entry=entry_at(person, "screening", form), meaning=meaning)
    save_entry(
        by=coordinator,
        visit=vital.visit,
        form_key="vital_signs",
        values={**vital.data, "pulse": ""},
        missing={"pulse": "refused"},
        reason="the cuff broke",
    )
    log = walk.visit_of(person, "log")
    walk.fill(cast, log, "adverse_event", given={"ae_term": HOSTILE}, occurrence=None)
    raise_query_on_form(by=monitor, visit=log, form_key="pregnancy", text="Asked?")
    raise_query_on_visit(by=monitor, visit=vital.visit, text="Which room?")
    return person


def printed_by(signed_in: SignedIn, cast: Cast, role: Role, url: str, site: str = walk.SITE) -> Any:
    answer = Reader(signed_in, cast, role, site).client.post(url)
    assert answer.status_code == 200
    return answer


def test_a_casebook_is_printed_by_the_sight_of_who_prints(signed_in: SignedIn, cast: Cast) -> None:
    person = everything(cast)
    page = Reader(signed_in, cast, Role.INVESTIGATOR).get(casebook_url(person))
    url = f"{casebook_url(person)}casebook.pdf"
    assert url in page
    assert "Audit trail as PDF" in page
    assert "Audit trail as PDF" not in Reader(signed_in, cast, Role.RATER).get(casebook_url(person))
    answer = printed_by(signed_in, cast, Role.INVESTIGATOR, url)
    assert answer["Content-Disposition"] == f'attachment; filename="casebook-{person.number}.pdf"'
    text = squeezed(text_of(answer.content))
    for line in squeezed_lines(
        f"Casebook of participant {person.number}",
        "RESET-TRD",
        "Printed by Investigator UMCG (Investigator)",
        "UTC",
        "study version",
        "Screening",
        "Systolic blood pressure125 mmHg",
        "PulseParticipant declined",
        "Entered by Coordinator UMCG",
        "Last changed by Coordinator UMCG",
        "Signed by Investigator UMCG (Investigator)",
        ": This is right",
        ": I have seen this. Lapsed on",
        "Query 1, Weight: Answered",
        "Was this weighed?",
        "Yes, on the ward.",
        "Query 1, The form as a whole: Open",
        "Query 1, The visit as a whole: Open",
        "Which room?",
        "MADRS total12calculated",
        "Adverse event, row 1",
        "Arm",
        "1/",
    ):
        assert line in text
    assert squeezed(printable(HOSTILE)) in text
    kept = LedgerEntry.objects.get(action="casebook.printed")
    assert (kept.participant, kept.object_type, kept.actor) == (person.number, "casebook", "Investigator UMCG")
    assert (kept.new, kept.restricted) == (hashlib.sha256(answer.content).hexdigest(), True)

    blinded = printed_by(signed_in, cast, Role.RATER, url)
    read = text_of(blinded.content)
    assert "MADRS" in read
    assert not {"Oral esketamine", "ECT", "Esketamine", "Weight"} & {line.strip() for line in read.splitlines()}
    own = LedgerEntry.objects.get(action="casebook.printed", actor="Rater UMCG")
    assert (own.new, own.restricted) == (hashlib.sha256(blinded.content).hexdigest(), False)


def test_a_casebook_names_what_was_not_done_and_days_that_do_not_go_together(cast: Cast) -> None:
    person = walk.randomised(cast)
    coordinator, site = cast.at(walk.SITE, Role.COORDINATOR), walk.SITE
    mark_visit_not_done(by=coordinator, visit=walk.visit_of(person, "week_1"), reason="on holiday")
    late = walk.came(cast, person, "week_8")
    mark_not_done(by=cast.at(site, Role.RATER), visit=late, form_key="madrs", code="not_done")
    assert late.latest_on is not None
    day = late.latest_on + datetime.timedelta(days=3)
    set_visit_day(by=coordinator, visit=late, on=day, reason="the clinic was closed")
    place = casebook_place(cast.at(site, Role.INVESTIGATOR), person.number)

    def lines() -> list[str]:
        document = casebook_document(place, AT)
        shown = [line for visit in document["visits"] for line in visit["lines"]]
        return shown + [line for visit in document["visits"] for form in visit["forms"] for line in form["lines"]]

    said = lines()
    assert "Did not take place: on holiday" in said
    assert "The whole form was not done: Not done" in said
    assert any("Reason: the clinic was closed" in line for line in said)
    [deviation] = ProtocolDeviation.objects.filter(visit=late)
    judge_deviation(
        by=cast.at(site, Role.INVESTIGATOR), deviation=deviation, weight="minor", reason="no harm came of it"
    )
    assert any("Minor: no harm came of it (Investigator UMCG)" in line for line in lines())


def test_a_paper_of_the_same_moment_is_the_same_file_and_each_language_has_its_own(cast: Cast) -> None:
    person = walk.screened(cast)
    place = casebook_place(cast.at(walk.SITE, Role.COORDINATOR), person.number)
    english = casebook_paper(place, AT)
    assert english == casebook_paper(place, AT)
    with translation.override("nl"):
        dutch = squeezed(text_of(casebook_paper(place, AT)))
    for line in squeezed_lines(
        f"Dossier van deelnemer {person.number}", "Ingevoerd door Coordinator UMCG", "Geboortejaar"
    ):
        assert line in dutch
    assert "2026-12-0116:30:00CET,2026-12-0115:30:00UTC" in dutch


def test_what_is_read_for_a_casebook_does_not_grow_with_it(
    cast: Cast, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    short, long = walk.screened(cast), walk.at_week_8(cast)
    user = cast.at(walk.SITE, Role.COORDINATOR)
    for person in (short, long):
        place = casebook_place(user, person.number)
        with django_assert_max_num_queries(24):
            casebook_document(place, AT)
        with django_assert_max_num_queries(6):
            trail_document(user, person, AT)


@pytest.mark.full  # every day the blinding proof prints casebooks in both worlds, and compares the files
@pytest.mark.slow
def test_what_a_blinded_person_prints_is_the_same_in_two_worlds(cast: Cast) -> None:
    """The document itself, from which the file is made and nothing else."""

    def world(*arms: str) -> list[str]:
        before = transaction.savepoint()
        people = build(cast, arms)
        rater = cast.at(walk.SITE, Role.RATER)
        seen = [person for person in people if person.site.code == walk.SITE]
        told = [json.dumps(casebook_document(casebook_place(rater, one.number), AT)) for one in seen]
        transaction.savepoint_rollback(before)
        return told

    one, other = world("esketamine", "ect", "esketamine"), world("ect", "esketamine", "ect")
    assert len(one) == 3
    assert one == other


# --- the audit trail --------------------------------------------------------------------------------------------------


def test_the_trail_of_a_participant_is_printed_as_its_page_tells_it(signed_in: SignedIn, cast: Cast) -> None:
    person = walk.at_week_8(cast)
    vital = entry_at(person, "screening", "vital_signs")
    walk.fill(cast, vital.visit, "vital_signs", given={"pulse": "71"}, reason=HOSTILE)
    week_8 = walk.visit_of(person, "week_8")
    walk.fill(cast, week_8, "outcome")
    walk.fill(cast, week_8, "madrs", madrs=walk.MADRS_NO_RESPONSE, reason="read wrongly")
    reader = Reader(signed_in, cast, Role.MONITOR, "")
    url = f"{casebook_url(person)}audit-trail.pdf"
    assert url in reader.get(f"/audit/?participant={person.number.lower()}")
    for asked in ("", "?participant=UMCG-999", "?participant=UMCG-001&since=never"):
        assert "audit-trail.pdf" not in reader.get(f"/audit/{asked}")
    answer = reader.client.post(url)
    assert answer["Content-Disposition"] == f'attachment; filename="audit-trail-{person.number}.pdf"'
    text = squeezed(text_of(answer.content))
    for line in squeezed_lines(
        f"Audit trail of participant {person.number}",
        "Coordinator UMCG (Coordinator)",
        "Screening · Vital signs",
        "82 /min71 /min",
        "Followed from Week 8, end of treatment · MADRS",
        f"Reason: {printable(HOSTILE)}",
    ):
        assert line in text
    kept = LedgerEntry.objects.get(action="trail.printed")
    assert (kept.participant, kept.new, kept.restricted) == (
        person.number,
        hashlib.sha256(answer.content).hexdigest(),
        True,
    )


def test_a_blinded_reader_of_the_trail_prints_it_without_the_arm(cast: Cast, reset_trd: StudyDefinition) -> None:
    document = json.loads(reset_trd.canonical_json())
    next(role for role in document["roles"] if role["key"] == "monitor")["blinded"] = True
    put_in_force(StudyDefinition.from_json(document | {"version": "9.9.9"}), days_ago=walk.DAYS_AGO + 1)
    person = walk.randomised(cast)
    monitor = cast.at("", Role.MONITOR)
    told = json.dumps(trail_document(monitor, person, AT))
    assert "Form saved" in told
    assert '"Entry"' not in told
    assert "Arm" not in told
    assert "stratum: site=UMCG" not in told
    assert "stratum: site=UMCG" in json.dumps(trail_document(cast.at("", Role.INSPECTOR), person, AT))
    assert trail_paper(monitor, person, AT) == trail_paper(monitor, person, AT)


# --- blank forms ------------------------------------------------------------------------------------------------------


def test_blank_forms_have_boxes_hints_ranges_and_conditions_in_words(signed_in: SignedIn, cast: Cast) -> None:
    walk.registered(cast)
    reader = Reader(signed_in, cast, Role.COORDINATOR)
    answer = reader.client.get("/study/forms.pdf?form=adverse_event&site=UMCG")
    assert answer["Content-Disposition"] == 'attachment; filename="blank-forms-adverse_event.pdf"'
    text = squeezed(text_of(answer.content))
    for line in squeezed_lines(
        "Adverse event",
        "Visit: Running log",
        "One sheet for each row.",
        "Participant number",
        "Initials",
        "Signature",
        "day – month – year",
        "Moderate",
        "Only if: Still going on: no",
        "No value, because:",
        "Study version",
    ):
        assert line in text
    visit = squeezed(text_of(reader.client.get("/study/forms.pdf?visit=screening").content))
    for line in squeezed_lines("Vital signs", "mmHg", "Range: "):
        assert line in visit
    assert "Adverseevent" not in visit
    assert not LedgerEntry.objects.filter(action__endswith="printed").exists()


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("visit=nothing", 404),
        ("form=nothing", 404),
        ("site=NOWHERE", 404),
        ("visit=screening&form=session_ect", 403),
        ("visit=session_ect", 403),
        ("form=vital_signs", 403),
        ("visit=log", 404),
    ],
)
def test_blank_forms_out_of_sight_are_refused_whoever_was_in_which_arm(
    signed_in: SignedIn, cast: Cast, asked: str, status: int
) -> None:
    Reader(signed_in, cast, Role.RATER).get(f"/study/forms.pdf?{asked}", status)


def test_the_whole_study_has_each_form_once_and_for_the_blinded_no_trace_of_an_arm(cast: Cast) -> None:
    def sheets(user: User) -> list[Sheet]:
        definition = current_definition()
        sight = user.sight(definition)
        return sheets_of(definition, sight, visits_in_sight(definition, sight))

    coordinator, rater = cast.at(walk.SITE, Role.COORDINATOR), cast.at(walk.SITE, Role.RATER)
    keys = [sheet.form.key for sheet in sheets(coordinator)]
    assert sorted(set(keys)) == sorted(keys)
    assert "session_ect" in keys
    told = json.dumps(blank_document(rater, current_definition(), sheets(rater), AT))
    assert "MADRS" in told
    assert "esketamine" not in told.lower()
    assert "esketamine" not in text_of(blank_paper(rater, current_definition(), sheets(rater), AT)).lower()


def test_a_rule_that_reads_what_is_hidden_is_not_told(cast: Cast, reset_trd: StudyDefinition) -> None:
    def with_rules(form: dict[str, Any]) -> dict[str, Any]:
        items(form).append(new_item("telling", "yes_no", reveals_allocation=True, required=False))
        items(form).append(new_item("told", "text", ask_if="not telling", required=False))
        items(form).append(new_item("plain", "time", ask_if="screening.madrs.madrs_1 > 2", required=False))
        items(form).append(new_item("much", "long_text", ask_if="madrs_1 > 2", required=False))
        items(form).append(new_item("away", "file", ask_if="screening.vital_signs.pulse > 90", required=False))
        form["sections"].append(
            {
                "key": "trials",
                "label": {"nl": "x", "en": "x"},
                "items": [new_item("drug", "text")],
                "repeats": {"max": 3, "row": {"nl": "Rij", "en": "Row"}},
            }
        )
        return form

    put_in_force(amended(reset_trd, madrs=with_rules))
    definition = current_definition()

    def hints(role: Role) -> dict[str, list[str]]:
        user = cast.at(walk.SITE, role)
        sight = user.sight(definition)
        document = blank_document(user, definition, sheets_of(definition, sight, [], "madrs"), AT)
        [sheet] = document["sheets"]
        assert "Copy this page where a group has more rows." in sheet["lines"]
        assert not any(line.startswith("Visit:") for line in sheet["lines"])
        return {item["label"]: item["hints"] for section in sheet["sections"] for item in section["items"]}

    blinded, open_ = hints(Role.RATER), hints(Role.INVESTIGATOR)
    assert (blinded["told"], open_["told"]) == ([], ["Only if: Telling: no"])
    assert "telling" not in blinded
    assert blinded["plain"] == open_["plain"] == ["Only if: Apparent sadness at “Screening” is more than 2"]
    assert blinded["much"] == ["Only if: Apparent sadness is more than 2"]
    assert (blinded["away"], len(open_["away"])) == ([], 1)
