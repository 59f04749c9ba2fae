"""A registration in error: its number is never used again and counts nowhere, and its casebook can be read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils.translation import override

from audit.acts import ActionRefused
from audit.models import LedgerEntry
from audit.verification import verify
from crf import actions as crf
from crf.actions import freeze, undo_ending, void_registration
from crf.faults import casebook_faults
from crf.models import FormEntry, Query
from exports.actions import lock_study, make_release
from exports.open_points import open_points
from randomization.actions import allocate
from tests import walk
from tests.api_caller import Caller
from tests.audit.recipes import again, query_on, the
from tests.audit.staging import sql
from tests.crf.pages import Reader, casebook_url, form_url
from trialmgr.overview import recruitment
from trialmgr.overview.duties import DUTIES, duty
from trialmgr.overview.flow import flow
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants import actions as participants
from trialmgr.participants.models import Consent, Participant
from trialmgr.participants.queries import seen_twice
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import current_definition

SignedIn = Callable[..., Client]
WHY = "registered twice"
JANSJE = {"name": "Jansje Voorbeeld", "born_on": "1957-03-02"}


def voided(cast: Cast, participant: Participant, role: Role = Role.COORDINATOR) -> Participant:
    void_registration(by=the(cast, role), participant=participant, reason=WHY)
    return Participant.every.get(pk=participant.pk)


def full(cast: Cast) -> Participant:
    """With a day, a form and a query: somebody of whom there is something to do and to count."""
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    crf.set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=participant.registered_on)
    query_on(walk.fill(cast, again(visit), "vital_signs"), cast)
    return participant


def counts(cast: Cast) -> list[object]:
    """What the trial says of itself, in every place that counts."""
    people = [the(cast, Role.COORDINATOR), the(cast, Role.INVESTIGATOR), the(cast, Role.MONITOR)]
    manager, monitor = cast.at("", Role.DATA_MANAGER), the(cast, Role.MONITOR)
    return [
        [
            (duty(person, key).count, [task.about for task in duty(person, key).tasks])
            for person in people
            for key in DUTIES
        ],
        open_points(),
        list(casebook_faults()),
        (recruitment.by_site(manager), recruitment.by_month(recruitment.in_reach(manager), (), today())),
        flow(manager, current_definition(), "en"),
        [row["number"] for row in Caller(monitor).get("participants/")[1]["results"]],
        Caller(monitor).get("queries/")[1]["results"],
    ]


@pytest.mark.on_both
def test_it_counts_nowhere(cast: Cast) -> None:
    full(cast)
    before = counts(cast)
    second = full(cast)
    assert counts(cast) != before
    assert voided(cast, second).status == "voided"
    assert counts(cast) == before
    assert not any(verify().faults.values())


def test_its_number_is_never_used_again(cast: Cast) -> None:
    first = voided(cast, walk.registered(cast))
    assert (first.number, walk.registered(cast).number) == ("UMCG-001", "UMCG-002")


def test_the_trail_tells_who_and_why(cast: Cast) -> None:
    voided(cast, walk.consented(cast), Role.DATA_MANAGER)
    line = LedgerEntry.objects.get(action="participant.voided")
    assert (line.old, line.new, line.reason, line.participant) == ("screening", "voided", WHY, "UMCG-001")


def test_no_table_of_a_release_but_the_audit_trail_knows_it(cast: Cast, tmp_path: Path) -> None:
    voided(cast, full(cast))
    lock_study(by=cast.at("", Role.DATA_MANAGER), reason="end")
    make_release(by=cast.at("", Role.DATA_MANAGER), out=tmp_path / "out")
    rows = {path.name: len(pandas.read_csv(path, dtype=str)) for path in (tmp_path / "out").glob("*.csv")}
    assert {name for name, number in rows.items() if number} <= {"audit_trail.csv", "codebook.csv", "code_lists.csv"}
    assert "UMCG-001" in (tmp_path / "out/audit_trail.csv").read_text()
    assert FormEntry.objects.exists()


def test_the_same_person_can_be_registered_anew(cast: Cast) -> None:
    first, second = walk.registered(cast), walk.registered(cast, "LUMC")
    participants.save_contact(by=the(cast, Role.COORDINATOR), participant=first, details=JANSJE)
    voided(cast, first)
    participants.save_contact(by=cast.at("LUMC", Role.COORDINATOR), participant=second, details=JANSJE)
    assert seen_twice([second]) == set()
    participants.erase_contact(by=the(cast, Role.COORDINATOR), participant=first, reason="asked for")


def test_a_screen_failure_is_voided_too(cast: Cast) -> None:
    participant = walk.registered(cast)
    participants.end_participation(
        by=the(cast, Role.COORDINATOR), participant=participant, transition="participant.failed_screening", on=today()
    )
    left = voided(cast, participant)
    assert (left.status, left.ended_on) == ("voided", today())
    with pytest.raises(ActionRefused):
        undo_ending(by=the(cast, Role.COORDINATOR), participant=left, reason="a mistake")


def test_it_is_refused_for_who_was_allocated_without_a_reason_and_in_a_frozen_casebook(cast: Cast) -> None:
    coordinator, participant = the(cast, Role.COORDINATOR), walk.registered(cast)
    with override("en"), pytest.raises(ActionRefused, match="In the trial"):
        void_registration(by=coordinator, participant=walk.randomised(cast), reason=WHY)
    with pytest.raises(ActionRefused):
        void_registration(by=coordinator, participant=participant, reason=" ")
    for role in (Role.RATER, Role.MONITOR, Role.TREATING_TEAM):
        with pytest.raises(PermissionDenied):
            void_registration(by=the(cast, role), participant=participant, reason=WHY)
    freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
    with override("en"), pytest.raises(ActionRefused, match="frozen"):
        void_registration(by=coordinator, participant=participant, reason=WHY)
    assert again(participant).status == "screening"


def test_nothing_is_recorded_of_it_any_more(cast: Cast) -> None:
    participant = full(cast)
    voided(cast, participant)
    coordinator, investigator = the(cast, Role.COORDINATOR), the(cast, Role.INVESTIGATOR)
    manager, monitor = the(cast, Role.DATA_MANAGER), the(cast, Role.MONITOR)
    entry, query, consent = FormEntry.objects.get(), Query.objects.get(), Consent.objects.get()
    visit, version = entry.visit, consent.version
    acts: list[Callable[[], object]] = [
        lambda: crf.save_entry(by=coordinator, visit=visit, form_key="vital_signs", values={}, reason=WHY),
        lambda: crf.remove_entry(by=coordinator, entry=entry, reason=WHY),
        lambda: crf.set_visit_day(by=coordinator, visit=visit, on=today(), reason=WHY),
        lambda: crf.add_unscheduled_visit(by=coordinator, participant=participant, key="unscheduled", on=today()),
        lambda: crf.judge_eligibility(by=investigator, participant=participant),
        lambda: crf.sign_entry(by=investigator, entry=entry, meaning="read"),
        lambda: crf.verify_items(by=monitor, entry=entry, items=["systolic"]),
        lambda: crf.raise_query(by=monitor, entry=entry, item="systolic", text="And this?"),
        lambda: crf.close_query(by=monitor, query=query, text="fine"),
        lambda: crf.freeze(by=manager, participant=participant),
        lambda: crf.settle_casebook(by=manager, participant=participant, reason=WHY),
        lambda: participants.record_consent(by=coordinator, participant=participant, version=version, given_on=today()),
        lambda: participants.withdraw_consent(by=coordinator, consent=consent, on=today(), reason=WHY),
        lambda: participants.save_contact(by=coordinator, participant=Participant.every.get(), details=JANSJE),
        lambda: allocate(by=coordinator, participant=participant, idempotency_key="1"),
        lambda: void_registration(by=coordinator, participant=participant, reason=WHY),
    ]
    length = LedgerEntry.objects.count()
    for act in acts:
        with pytest.raises(ActionRefused):
            act()
    assert LedgerEntry.objects.count() == length


def test_its_casebook_is_read_by_who_may_see_it_and_listed_for_who_asks(signed_in: SignedIn, cast: Cast) -> None:
    participant = full(cast)
    reader, book = Reader(signed_in, cast, Role.COORDINATOR), casebook_url(participant)
    assert f'href="{book}void/"' in reader.get(book)
    reader.post(f"{book}void/", {"reason": ""}, 422)
    assert "The registration is voided." in reader.send(f"{book}void/", {"reason": WHY})
    page = reader.get(book)
    assert "Registration voided" in page
    assert "What you can do" not in page
    form = reader.get(form_url(FormEntry.objects.get().visit, "vital_signs"))
    assert "This registration was voided" in form
    assert book not in reader.get("/participants/")
    assert book in reader.get("/participants/?status=voided")
    assert "voided" in reader.post(f"{book}void/", {"reason": WHY}, 422)
    Reader(signed_in, cast, Role.COORDINATOR, "LUMC").get(book, 404)
    Reader(signed_in, cast, Role.RATER).get(f"{book}void/", 403)
    [listed] = Caller(the(cast, Role.MONITOR)).get("participants/", status="voided")[1]["results"]
    assert (listed["number"], listed["status"]) == ("UMCG-001", "voided")


def test_the_api_voids_it(cast: Cast) -> None:
    walk.registered(cast)
    caller = Caller(the(cast, Role.COORDINATOR))
    assert caller.post("participants/UMCG-001/void/", {})[0] == 400
    status, told = caller.post("participants/UMCG-001/void/", {"reason": WHY})
    assert (status, told["status"]) == (200, "voided")
    assert caller.get("participants/UMCG-001/")[1]["status"] == "voided"
    assert caller.post("participants/UMCG-001/void/", {"reason": WHY})[0] == 409
    assert caller.post("participants/UMCG-001/visits/", {"key": "unscheduled", "on": today().isoformat()})[0] == 409
    assert Caller(the(cast, Role.RATER)).post("participants/UMCG-001/void/", {"reason": WHY})[0] == 403


def test_the_database_lets_nobody_be_voided_who_entered_the_trial(cast: Cast) -> None:
    participant = walk.randomised(cast)
    with pytest.raises(Exception, match="participant_enrolment_has_date"):
        sql("UPDATE participants_participant SET status = 'voided' WHERE id = %s", participant.pk)
