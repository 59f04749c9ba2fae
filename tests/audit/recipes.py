"""For each action: the state it needs, made through the actions before it, and the act itself, ready to be done.

A recipe takes the cast and returns the act. The act reads its rows anew each time: it can be tried again.
"""

from __future__ import annotations

import datetime
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.db import models
from django.test import override_settings
from django.utils import timezone

from crf import actions as crf
from crf.deviations import Departure, open_departures
from crf.drafts import DraftPlace, Typing
from crf.models import Draft, FormEntry, Freeze, ProtocolDeviation, Query, Visit
from exports import actions as exports
from randomization import actions as randomization
from randomization.actions.supply import tell_used_up
from randomization.models import Allocation, CodeBreak, ListExtension, RandomisedInError, RandomizationList, Stratum
from randomization.policies.allocations import Aim
from randomization.policies.envelopes import envelope_name
from tests import walk
from tests.amendments import put_in_force
from tests.randomization.list_making import allocated, list_in_force
from tests.randomization.test_lists_imported import csv_of, lines
from trialmgr.overview.actions import export_calendar, export_flow, export_trail, note_casebook, note_trail
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants import actions as participants
from trialmgr.participants.models import Consent, Participant
from trialmgr.people import actions as people
from trialmgr.people.models import SYSTEM, Membership, Site, User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import SiteDefinition
from trialmgr.studies import actions as studies
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyApproval, StudyVersion
from trialmgr.studies.queries import current_definition

Act = Callable[[], object]
Recipe = Callable[[Cast], Act]
M = TypeVar("M", bound=models.Model)

SITE = "UMCG"


def again(row: M) -> M:
    """The same row, read anew."""
    fresh: M = type(row)._base_manager.get(pk=row.pk)
    return fresh


def the(cast: Cast, role: Role) -> User:
    return again(cast.at(SITE, role))


def vital_signs(cast: Cast) -> FormEntry:
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    crf.set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=participant.registered_on)
    return walk.fill(cast, again(visit), "vital_signs")


def medicine(cast: Cast) -> FormEntry:
    """One row of a form with many rows."""
    return walk.fill(cast, walk.visit_of(walk.consented(cast), "log"), "concomitant_medication")


def drafted(cast: Cast) -> Draft:
    """Typed on top of what is saved, and not saved."""
    entry = vital_signs(cast)
    kept = crf.keep_draft(
        by=the(cast, Role.COORDINATOR),
        place=DraftPlace(again(entry.visit), entry.form, 1, entry.study_version, begun=True),
        slot="page",
        typing=Typing({"systolic": "131"}, {}),
        saved=Typing(entry.data, {}),
        revision=entry.revision,
    )
    assert kept is not None
    return kept


def letter(cast: Cast) -> Act:
    """A file brought for an item; any item will do, for what it takes is the page's question."""
    entry = vital_signs(cast)
    return lambda: crf.store_file(
        by=the(cast, Role.COORDINATOR),
        visit=again(entry.visit),
        form=entry.form,
        item="systolic",
        name="letter.pdf",
        content=b"%PDF",
    )


def query_on(entry: FormEntry, cast: Cast) -> Query:
    return crf.raise_query(by=the(cast, Role.MONITOR), entry=entry, item="systolic", text="Is this right?")


def _frozen(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: crf.freeze(by=the(cast, Role.DATA_MANAGER), participant=again(participant))


def _opened(cast: Cast) -> Act:
    return lambda: crf.register_participant(
        by=the(cast, Role.COORDINATOR), site=Site.objects.get(code=SITE), on=today()
    )


def _unfrozen(cast: Cast) -> Act:
    participant = walk.registered(cast)
    crf.freeze(by=the(cast, Role.DATA_MANAGER), participant=participant)
    return lambda: crf.unfreeze(by=the(cast, Role.DATA_MANAGER), participant=again(participant), reason="late page")


def _visit_frozen(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    return lambda: crf.freeze_visit(by=the(cast, Role.DATA_MANAGER), visit=again(visit), form_key="madrs")


def _draft_expired(cast: Cast) -> Act:
    drafted(cast)
    return lambda: crf.expire_drafts(by=SYSTEM, drafts=Draft.objects.all())


def _visit_unfrozen(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    crf.freeze_visit(by=the(cast, Role.DATA_MANAGER), visit=visit)
    return lambda: crf.unfreeze_visit(by=the(cast, Role.DATA_MANAGER), visit=again(visit), reason="late page")


def _site_frozen(cast: Cast) -> Act:
    walk.registered(cast)
    return lambda: crf.freeze_site(by=the(cast, Role.DATA_MANAGER), site=Site.objects.get(code=SITE))


def _site_unfrozen(cast: Cast) -> Act:
    walk.registered(cast)
    site = Site.objects.get(code=SITE)
    crf.freeze_site(by=the(cast, Role.DATA_MANAGER), site=site)
    return lambda: crf.unfreeze_site(by=the(cast, Role.DATA_MANAGER), site=again(site), reason="late page")


def frozen_and_followed(cast: Cast) -> Freeze:
    """The outcome of week 8 is frozen, and then the score that it reads is corrected."""
    week_8 = walk.visit_of(walk.at_week_8(cast), "week_8")
    walk.fill(cast, week_8, "outcome")
    frozen = crf.freeze_visit(by=the(cast, Role.DATA_MANAGER), visit=week_8, form_key="outcome")
    walk.fill(cast, week_8, "madrs", madrs=40, reason="read wrongly from the paper")
    return frozen


def _noticed_in_frozen(cast: Cast) -> Act:
    frozen = frozen_and_followed(cast)
    return lambda: crf.notice_followed(by=the(cast, Role.DATA_MANAGER), freeze=again(frozen))


def _consented(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: participants.record_consent(
        by=the(cast, Role.COORDINATOR), participant=again(participant), version="consent_v1", given_on=today()
    )


def _consent_corrected(cast: Cast) -> Act:
    consent = Consent.objects.get(participant=walk.consented(cast))
    return lambda: participants.correct_consent(
        by=the(cast, Role.COORDINATOR),
        consent=again(consent),
        version="consent_v1",
        given_on=today(),
        reason="misread the form",
    )


def _withdrawn(cast: Cast) -> Act:
    consent = Consent.objects.get(participant=walk.consented(cast))
    return lambda: participants.withdraw_consent(
        by=the(cast, Role.COORDINATOR), consent=again(consent), on=today(), reason="moves away"
    )


def _withdrawal_undone(cast: Cast) -> Act:
    consent = Consent.objects.get(participant=walk.consented(cast))
    participants.withdraw_consent(by=the(cast, Role.COORDINATOR), consent=consent, on=today(), reason="moves away")
    return lambda: participants.undo_withdrawal(
        by=the(cast, Role.COORDINATOR), consent=again(consent), reason="of somebody else"
    )


def _moved_to_another_site(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: crf.move_participant(
        by=the(cast, Role.DATA_MANAGER),
        participant=again(participant),
        site=Site.objects.get(code="LUMC"),
        reason="lives there",
    )


def with_contact(cast: Cast) -> Participant:
    participant = walk.registered(cast)
    participants.save_contact(
        by=the(cast, Role.COORDINATOR), participant=participant, details={"name": "Jansje Voorbeeld"}
    )
    return participant


def _contact_saved(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: participants.save_contact(
        by=the(cast, Role.COORDINATOR), participant=again(participant), details={"email": "jansje@example.org"}
    )


def _contact_read(cast: Cast) -> Act:
    participant = with_contact(cast)
    return lambda: participants.read_contact(by=the(cast, Role.COORDINATOR), participant=again(participant))


def _contact_erased(cast: Cast) -> Act:
    participant = with_contact(cast)
    return lambda: participants.erase_contact(
        by=the(cast, Role.COORDINATOR), participant=again(participant), reason="asked for"
    )


def _judged(cast: Cast) -> Act:
    participant = walk.screened(cast)
    return lambda: crf.judge_eligibility(by=the(cast, Role.INVESTIGATOR), participant=again(participant))


def _empty_form(cast: Cast) -> Visit:
    participant = walk.consented(cast)
    visit = walk.visit_of(participant, "screening")
    return crf.set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=participant.registered_on)


def _migrated(cast: Cast) -> Act:
    vital_signs(cast)
    version = put_in_force(current_definition().model_copy(update={"version": "0.2.0"}))
    return lambda: crf.migrate_entries(
        by=the(cast, Role.DATA_MANAGER), version=again(version), forms=["vital_signs"], reason="amendment"
    )


def _not_done(cast: Cast) -> Act:
    visit = _empty_form(cast)
    return lambda: crf.mark_not_done(
        by=the(cast, Role.COORDINATOR), visit=again(visit), form_key="vital_signs", code="refused"
    )


def _saved(cast: Cast) -> Act:
    visit = _empty_form(cast)
    return lambda: crf.save_entry(
        by=the(cast, Role.COORDINATOR), visit=again(visit), form_key="vital_signs", values={"systolic": "120"}
    )


def _removed(cast: Cast) -> Act:
    row = medicine(cast)
    return lambda: crf.remove_entry(by=the(cast, Role.COORDINATOR), entry=again(row), reason="of somebody else")


def _moved(cast: Cast) -> Act:
    row, other = medicine(cast), walk.visit_of(walk.consented(cast), "log")
    return lambda: crf.move_entry(
        by=the(cast, Role.COORDINATOR), entry=again(row), to=again(other), reason="of somebody else"
    )


def _signed(cast: Cast) -> Act:
    entry = vital_signs(cast)
    return lambda: crf.sign_entry(by=the(cast, Role.INVESTIGATOR), entry=again(entry), meaning="reviewed")


def _signed_together(cast: Cast) -> Act:
    entry = vital_signs(cast)
    return lambda: crf.sign_entries(
        by=the(cast, Role.INVESTIGATOR), chosen=[("vital signs", again(entry))], meaning="reviewed"
    )


def _gated(cast: Cast) -> Act:
    participant = walk.at_week_8(cast)
    return lambda: crf.decide_gate(by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase="follow_up")


def _gate_undone(cast: Cast) -> Act:
    participant = walk.in_follow_up(cast)
    return lambda: crf.undo_gate(
        by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase="follow_up", reason="of somebody else"
    )


def _confirmed(cast: Cast) -> Act:
    participant = walk.in_follow_up(cast)
    walk.fill(cast, walk.visit_of(participant, "week_8"), "madrs", madrs=40, reason="read wrongly")
    return lambda: crf.confirm_judgement(
        by=the(cast, Role.INVESTIGATOR), participant=again(participant), about="phase/follow_up", reason="treated on"
    )


def _settled(cast: Cast) -> Act:
    participant = walk.screened(cast)
    return lambda: crf.settle_casebook(
        by=the(cast, Role.DATA_MANAGER), participant=again(participant), reason="data of before"
    )


def _verified(cast: Cast) -> Act:
    entry = vital_signs(cast)
    return lambda: crf.verify_items(by=the(cast, Role.MONITOR), entry=again(entry), items=["systolic", "pulse"])


def _verified_together(cast: Cast) -> Act:
    entry = vital_signs(cast)
    return lambda: crf.verify_entries(
        by=the(cast, Role.MONITOR), chosen=[("vital signs", again(entry), ["systolic", "pulse"])]
    )


def _list_made(cast: Cast) -> Act:
    return lambda: randomization.make_list(by=the(cast, Role.UNBLINDED_STATISTICIAN))


def _list_activated(cast: Cast) -> Act:
    listed = randomization.make_list(by=the(cast, Role.UNBLINDED_STATISTICIAN))
    return lambda: randomization.activate_list(
        by=the(cast, Role.DATA_MANAGER), listed=RandomizationList.objects.get(pk=listed.pk)
    )


def _ended(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: participants.end_participation(
        by=the(cast, Role.COORDINATOR),
        participant=again(participant),
        transition="participant.failed_screening",
        on=today(),
    )


def _ending_undone(cast: Cast) -> Act:
    participant = walk.consented(cast)
    walk.fill(cast, walk.visit_of(participant, "log"), "end_of_participation")
    return lambda: crf.undo_ending(by=the(cast, Role.COORDINATOR), participant=again(participant), reason="a mistake")


def _enrolled(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: participants.enrol(
        by=the(cast, Role.COORDINATOR), participant=again(participant), phase="treatment", on=today()
    )


def _phase_opened(cast: Cast) -> Act:
    participant = walk.registered(cast)
    participants.enrol(by=the(cast, Role.COORDINATOR), participant=participant, phase="treatment", on=today())
    return lambda: participants.open_phase(
        by=the(cast, Role.INVESTIGATOR), participant=again(participant), phase="follow_up"
    )


def _randomised(cast: Cast) -> Act:
    participant = walk.baseline_done(cast)
    key = uuid.uuid4().hex
    return lambda: randomization.allocate(
        by=the(cast, Role.COORDINATOR), participant=again(participant), idempotency_key=key
    )


def _voided(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: crf.void_registration(
        by=the(cast, Role.COORDINATOR), participant=again(participant), reason="registered twice"
    )


def _registration_corrected(cast: Cast) -> Act:
    participant = walk.registered(cast)
    on = participant.registered_on - datetime.timedelta(days=1)
    return lambda: crf.correct_registration(
        by=the(cast, Role.COORDINATOR), participant=again(participant), on=on, reason="typed wrongly"
    )


def _registered(cast: Cast) -> Act:
    return lambda: participants.register(by=the(cast, Role.COORDINATOR), site=Site.objects.get(code=SITE), on=today())


def _answered(cast: Cast) -> Act:
    query = query_on(vital_signs(cast), cast)
    return lambda: crf.answer_query(by=the(cast, Role.COORDINATOR), query=again(query), text="It is.")


def _assigned(cast: Cast) -> Act:
    query = query_on(vital_signs(cast), cast)
    coordinator = the(cast, Role.COORDINATOR)
    return lambda: crf.assign_query(by=coordinator, query=again(query), to=coordinator)


def _closed(cast: Cast) -> Act:
    query = query_on(vital_signs(cast), cast)
    return lambda: crf.close_query(by=the(cast, Role.MONITOR), query=again(query), text="Seen.")


def _closed_together(cast: Cast) -> Act:
    query = query_on(vital_signs(cast), cast)
    return lambda: crf.close_queries(by=the(cast, Role.MONITOR), chosen=[("query", again(query))], text="Seen.")


def _raised(cast: Cast) -> Act:
    entry = vital_signs(cast)
    return lambda: query_on(again(entry), cast)


def _raised_on_form(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    return lambda: crf.raise_query_on_form(
        by=the(cast, Role.MONITOR), visit=again(visit), form_key="madrs", text="Where is it?"
    )


def _raised_on_visit(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    return lambda: crf.raise_query_on_visit(by=the(cast, Role.MONITOR), visit=again(visit), text="When was it?")


def _reopened(cast: Cast) -> Act:
    query = query_on(vital_signs(cast), cast)
    crf.close_query(by=the(cast, Role.MONITOR), query=query, text="Seen.")
    return lambda: crf.reopen_query(by=the(cast, Role.MONITOR), query=again(query), text="Look again.")


def new_person(username: str = "newcomer") -> User:
    return people.create_user(
        by=SYSTEM, username=username, password=None, first_name="New", last_name="Comer", email="new@example.org"
    )


def _role_granted(cast: Cast) -> Act:
    user = new_person()
    return lambda: people.grant_role(
        by=the(cast, Role.ADMINISTRATOR), user=again(user), role=Role.RATER, site=Site.objects.get(code=SITE)
    )


def _role_ended(cast: Cast) -> Act:
    membership = Membership.objects.get(user=the(cast, Role.COORDINATOR))
    return lambda: people.end_role(by=the(cast, Role.ADMINISTRATOR), membership=again(membership), reason="left")


def _site_activated(cast: Cast) -> Act:
    return lambda: people.activate_site(
        by=the(cast, Role.ADMINISTRATOR), site=Site.objects.get(code=SITE), on=today(), reason="approved"
    )


def _site_closed(cast: Cast) -> Act:
    return lambda: people.close_site(
        by=the(cast, Role.ADMINISTRATOR), site=Site.objects.get(code=SITE), on=today(), reason="full"
    )


def _site_created(cast: Cast) -> Act:
    return lambda: people.create_site(
        by=the(cast, Role.ADMINISTRATOR), site=SiteDefinition(code="NEW", name="A new site")
    )


def _proposed(cast: Cast) -> Act:
    amended = current_definition().model_copy(update={"version": "0.2.0"})
    return lambda: studies.propose_version(by=the(cast, Role.DATA_MANAGER), definition=amended, reason="amendment")


def _study_approved(cast: Cast) -> Act:
    _proposed(cast)()
    version = StudyVersion.objects.get(number=2)
    return lambda: studies.approve_version(
        by=the(cast, Role.UNBLINDED_STATISTICIAN), version=again(version), reason="read"
    )


def _put_in_force(cast: Cast) -> Act:
    version = put_in_force(current_definition().model_copy(update={"version": "0.2.0"}), sites=["LUMC"])
    return lambda: studies.put_in_force(
        by=the(cast, Role.UNBLINDED_STATISTICIAN),
        approval=StudyApproval.objects.get(version=version),
        sites=[SITE],
        effective_from=today(),
    )


def _token_made(cast: Cast) -> Act:
    return lambda: people.make_api_key(by=the(cast, Role.ADMINISTRATOR), user=the(cast, Role.COORDINATOR))


def _calendar_exported(cast: Cast) -> Act:
    return lambda: export_calendar(by=the(cast, Role.COORDINATOR), site=cast.sites[SITE], visits=1)


def _flow_exported(cast: Cast) -> Act:
    return lambda: export_flow(by=the(cast, Role.MONITOR), drawn="<svg/>")


def _trail_exported(cast: Cast) -> Act:
    return lambda: export_trail(by=the(cast, Role.MONITOR), asked={"site": SITE}, entries=1)


def _trail_printed(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: note_trail(by=the(cast, Role.MONITOR), participant=participant, paper=b"%PDF-")


def _casebook_printed(cast: Cast) -> Act:
    participant = walk.registered(cast)
    return lambda: note_casebook(by=the(cast, Role.RATER), participant=participant, paper=b"%PDF-")


def _user_created(cast: Cast) -> Act:
    return lambda: people.create_user(
        by=the(cast, Role.ADMINISTRATOR), username="new", password=None, first_name="A", last_name="B", email=""
    )


def _user_deactivated(cast: Cast) -> Act:
    return lambda: people.deactivate_user(
        by=the(cast, Role.ADMINISTRATOR), user=the(cast, Role.COORDINATOR), reason="left"
    )


def _language_chosen(cast: Cast) -> Act:
    return lambda: people.choose_language(by=the(cast, Role.RATER), language="en")


def _password_changed(cast: Cast) -> Act:
    return lambda: people.change_password(by=the(cast, Role.RATER), password="another long password")


def _password_link(cast: Cast) -> Act:
    return lambda: people.make_password_link(by=the(cast, Role.ADMINISTRATOR), user=the(cast, Role.RATER))


def _second_factor(cast: Cast) -> Act:
    return lambda: people.note_second_factor(by=the(cast, Role.RATER), kind="totp", change="added")


def _sign_in_failed(cast: Cast) -> Act:
    return lambda: people.note_failed_sign_in(by=SYSTEM, username="nobody")


def _signed_in(cast: Cast) -> Act:
    return lambda: people.note_sign_in(by=the(cast, Role.RATER))


def _signed_out(cast: Cast) -> Act:
    return lambda: people.note_sign_out(by=the(cast, Role.RATER))


def _visit_added(cast: Cast) -> Act:
    participant = walk.randomised(cast)
    return lambda: crf.add_unscheduled_visit(
        by=the(cast, Role.COORDINATOR), participant=again(participant), key="unscheduled", on=today()
    )


def _visit_day_set(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    return lambda: crf.set_visit_day(by=the(cast, Role.COORDINATOR), visit=again(visit), on=today(), reason="abroad")


def _before_consent(cast: Cast) -> Departure:
    """The screening took place a day before consent."""
    participant = walk.registered(cast)
    on, coordinator = participant.registered_on, the(cast, Role.COORDINATOR)
    crf.set_visit_day(by=coordinator, visit=walk.visit_of(participant, "screening"), on=on)
    version, later = current_definition().consents[0].key, on + datetime.timedelta(days=1)
    participants.record_consent(by=coordinator, participant=participant, version=version, given_on=later)
    return open_departures([participant])[0]


def _deviation_explained(cast: Cast) -> Act:
    one = _before_consent(cast)
    rule, about = one.finding.rule.value, one.finding.about
    return lambda: crf.explain_deviation(
        by=the(cast, Role.COORDINATOR), visit=again(one.visit), rule=rule, about=about, reason="standard care"
    )


def _deviation_judged(cast: Cast) -> Act:
    _deviation_explained(cast)()
    deviation = ProtocolDeviation.objects.get()
    return lambda: crf.judge_deviation(
        by=the(cast, Role.INVESTIGATOR), deviation=again(deviation), weight="minor", reason="no effect"
    )


def _visit_not_done(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    return lambda: crf.mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=again(visit), reason="ill")


def _visit_reopened(cast: Cast) -> Act:
    visit = walk.visit_of(walk.registered(cast), "screening")
    crf.mark_visit_not_done(by=the(cast, Role.COORDINATOR), visit=again(visit), reason="ill")
    return lambda: crf.reopen_visit(by=the(cast, Role.COORDINATOR), visit=again(visit), reason="it was another visit")


def _replanned(cast: Cast) -> Act:
    walk.registered(cast)
    definition = current_definition()
    visits = (*definition.visits, definition.visit("log").model_copy(update={"key": "second_log"}))
    version = put_in_force(definition.model_copy(update={"version": "0.2.0", "visits": visits}))
    return lambda: crf.plan_added_visits(by=the(cast, Role.DATA_MANAGER), version=again(version), reason="amendment")


def _locked(cast: Cast) -> Act:
    return lambda: exports.lock_study(by=the(cast, Role.DATA_MANAGER), reason="end of the trial")


def _unlocked(cast: Cast) -> Act:
    _locked(cast)()
    return lambda: exports.unlock_study(by=the(cast, Role.DATA_MANAGER), reason="a value was wrong")


def _release_made(cast: Cast) -> Act:
    _locked(cast)()
    folder = Path(tempfile.mkdtemp())
    return lambda: exports.make_release(by=the(cast, Role.DATA_MANAGER), out=folder / uuid.uuid4().hex)


def _release_downloaded(cast: Cast) -> Act:
    _locked(cast)()
    kept = override_settings(TRIALMGR_RELEASES=Path(tempfile.mkdtemp()))
    with kept:
        release = exports.make_release(by=the(cast, Role.DATA_MANAGER))
    file = release.files.all()[0]

    def download() -> object:
        with kept:
            return exports.hand_out(by=the(cast, Role.DATA_MANAGER), file=again(file))

    return download


def allocation_of(cast: Cast) -> Allocation:
    allocation: Allocation = Allocation.objects.select_related("participant__site").get(
        participant=walk.randomised(cast)
    )
    return allocation


def _cap_set(cast: Cast) -> Act:
    return lambda: randomization.set_cap(
        by=the(cast, Role.DATA_MANAGER), site=Site.objects.get(code=SITE), participants=5, reason="contract"
    )


def _hold_placed(cast: Cast) -> Act:
    return lambda: randomization.place_hold(by=the(cast, Role.DATA_MANAGER), site=None, reason="recall")


def _hold_lifted(cast: Cast) -> Act:
    _hold_placed(cast)()
    return lambda: randomization.lift_hold(by=the(cast, Role.DATA_MANAGER), site=None, reason="batch replaced")


def _stratum_corrected(cast: Cast) -> Act:
    allocation = allocation_of(cast)
    return lambda: randomization.correct_stratum(
        by=the(cast, Role.COORDINATOR), allocation=again(allocation), factor="site", corrected="LUMC", reason="typed"
    )


def _flagged(cast: Cast) -> Act:
    allocation = allocation_of(cast)
    return lambda: randomization.flag_in_error(
        by=the(cast, Role.COORDINATOR), allocation=again(allocation), reason="was not eligible"
    )


def _countersigned(cast: Cast) -> Act:
    flag = _flag(cast)
    return lambda: randomization.countersign_in_error(by=the(cast, Role.INVESTIGATOR), flag=again(flag))


def _flag(cast: Cast) -> RandomisedInError:
    return randomization.flag_in_error(
        by=the(cast, Role.COORDINATOR), allocation=allocation_of(cast), reason="was not eligible"
    )


def _flag_withdrawal_asked(cast: Cast) -> Act:
    flag = _flag(cast)
    return lambda: randomization.ask_flag_withdrawal(
        by=the(cast, Role.COORDINATOR), flag=again(flag), reason="was eligible"
    )


def _flag_withdrawn(cast: Cast) -> Act:
    asked = _flag(cast)
    randomization.ask_flag_withdrawal(by=the(cast, Role.COORDINATOR), flag=asked, reason="was eligible")
    return lambda: randomization.withdraw_flag(by=the(cast, Role.INVESTIGATOR), flag=again(asked))


def _code_broken(cast: Cast) -> Act:
    participant = walk.randomised(cast)
    return lambda: randomization.break_code(
        by=the(cast, Role.INVESTIGATOR), participant=again(participant), reason="fainted"
    )


def _code_break_noticed(cast: Cast) -> Act:
    _code_broken(cast)()
    return lambda: randomization.notice_code_break(by=the(cast, Role.DATA_MANAGER), broken=CodeBreak.objects.get())


def _unblinded(cast: Cast) -> Act:
    return lambda: people.note_unblinding(by=the(cast, Role.RATER), reason="was told")


def _envelope_entered(cast: Cast) -> Act:
    list_in_force(cast, length_per_stratum=6, envelopes=2)
    participant = walk.baseline_done(cast)
    stratum = Stratum.objects.get(list__status="active", key=f"site={SITE}")
    return lambda: randomization.enter_envelope(
        by=the(cast, Role.COORDINATOR),
        participant=again(participant),
        envelope=envelope_name(stratum.list, stratum, 5),
        opened_at=timezone.now(),
        opened_by="Night nurse",
        reason="the server was down",
    )


def _envelopes_exported(cast: Cast) -> Act:
    listed = list_in_force(cast, length_per_stratum=6, envelopes=2)
    return lambda: randomization.export_envelopes(by=the(cast, Role.UNBLINDED_STATISTICIAN), listed=again(listed))


def _list_extended(cast: Cast) -> Act:
    listed = RandomizationList.objects.get(status="active")
    return lambda: randomization.extend_list(
        by=the(cast, Role.UNBLINDED_STATISTICIAN), listed=again(listed), reason="more participants", to=300
    )


def _extension_activated(cast: Cast) -> Act:
    _list_extended(cast)()
    return lambda: randomization.activate_extension(
        by=the(cast, Role.DATA_MANAGER), extension=ListExtension.objects.get(activated_at=None)
    )


def _list_imported(cast: Cast) -> Act:
    file = csv_of(lines(current_definition()))
    return lambda: randomization.import_list(by=the(cast, Role.UNBLINDED_STATISTICIAN), file=file)


def _list_revealed(cast: Cast) -> Act:
    _locked(cast)()
    listed, folder = RandomizationList.objects.get(status="active"), Path(tempfile.mkdtemp())
    return lambda: randomization.reveal_list(
        by=the(cast, Role.UNBLINDED_STATISTICIAN), listed=again(listed), out=folder / uuid.uuid4().hex
    )


def _used_up(cast: Cast) -> Act:
    listed = list_in_force(cast, length_per_stratum=1)
    allocated(cast, SITE)
    participant = walk.baseline_done(cast)
    aim = Aim(listed, {"site": SITE})
    return lambda: tell_used_up(by=the(cast, Role.COORDINATOR), participant=again(participant), aim=aim)


RECIPES: dict[str, Recipe] = {
    "allocation.countersigned": _countersigned,
    "allocation.flag_withdrawal_asked": _flag_withdrawal_asked,
    "allocation.flag_withdrawn": _flag_withdrawn,
    "allocation.flagged": _flagged,
    "calendar.exported": _calendar_exported,
    "cap.set": _cap_set,
    "code.broken": _code_broken,
    "code_break.noticed": _code_break_noticed,
    "envelope.entered": _envelope_entered,
    "envelopes.exported": _envelopes_exported,
    "hold.lifted": _hold_lifted,
    "hold.placed": _hold_placed,
    "stratum.corrected": _stratum_corrected,
    "stratum.used_up": _used_up,
    "user.unblinded": _unblinded,
    "casebook.printed": _casebook_printed,
    "casebook.frozen": _frozen,
    "casebook.opened": _opened,
    "casebook.thawed": _unfrozen,
    "consent.corrected": _consent_corrected,
    "consent.recorded": _consented,
    "consent.withdrawn": _withdrawn,
    "consent.withdrawal_undone": _withdrawal_undone,
    "contact.erased": _contact_erased,
    "contact.read": _contact_read,
    "contact.saved": _contact_saved,
    "eligibility.judged": _judged,
    "entry.migrated": _migrated,
    "entry.moved": _moved,
    "entry.not_done": _not_done,
    "entry.removed": _removed,
    "entry.saved": _saved,
    "file.stored": letter,
    "entry.signed": _signed,
    "entries.signed": _signed_together,
    "entries.verified": _verified_together,
    "draft.expired": _draft_expired,
    "flow.exported": _flow_exported,
    "freeze.noticed": _noticed_in_frozen,
    "gate.decided": _gated,
    "gate.undone": _gate_undone,
    "judgement.confirmed": _confirmed,
    "casebook.settled": _settled,
    "items.verified": _verified,
    "list.activated": _list_activated,
    "list.extended": _list_extended,
    "list.extension_activated": _extension_activated,
    "list.imported": _list_imported,
    "list.made": _list_made,
    "list.revealed": _list_revealed,
    "participant.ended": _ended,
    "participant.ending_undone": _ending_undone,
    "participant.enrolled": _enrolled,
    "participant.moved": _moved_to_another_site,
    "participant.phase_opened": _phase_opened,
    "participant.randomised": _randomised,
    "participant.registered": _registered,
    "participant.voided": _voided,
    "query.answered": _answered,
    "query.assigned": _assigned,
    "query.closed": _closed,
    "queries.closed": _closed_together,
    "query.raised": _raised,
    "query.raised_on_form": _raised_on_form,
    "query.raised_on_visit": _raised_on_visit,
    "query.reopened": _reopened,
    "registration.corrected": _registration_corrected,
    "release.downloaded": _release_downloaded,
    "release.made": _release_made,
    "role.ended": _role_ended,
    "role.granted": _role_granted,
    "site.activated": _site_activated,
    "site.closed": _site_closed,
    "site.frozen": _site_frozen,
    "site.unfrozen": _site_unfrozen,
    "site.created": _site_created,
    "study.locked": _locked,
    "study.approved": _study_approved,
    "study.proposed": _proposed,
    "study.put_in_force": _put_in_force,
    "study.unlocked": _unlocked,
    "token.made": _token_made,
    "trail.exported": _trail_exported,
    "trail.printed": _trail_printed,
    "user.created": _user_created,
    "user.deactivated": _user_deactivated,
    "user.language": _language_chosen,
    "user.password_changed": _password_changed,
    "user.password_link": _password_link,
    "user.second_factor": _second_factor,
    "user.sign_in_failed": _sign_in_failed,
    "user.signed_in": _signed_in,
    "user.signed_out": _signed_out,
    "deviation.explained": _deviation_explained,
    "deviation.judged": _deviation_judged,
    "visit.added": _visit_added,
    "visit.day_set": _visit_day_set,
    "visit.frozen": _visit_frozen,
    "visit.unfrozen": _visit_unfrozen,
    "visit.not_done": _visit_not_done,
    "visit.reopened": _visit_reopened,
    "visits.replanned": _replanned,
}
