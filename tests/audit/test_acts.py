"""The one door for writes: who acts, may they, is it in the ledger, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import MagicMock

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError

from audit import actions as door
from audit import acts, ledger
from audit.actions import ACTIONS, ActionInfo, NotInLedger, action
from audit.acts import ActionRefused, OutsideAction, record
from crf.actions import register_participant
from tests.audit.recipes import RECIPES, Act
from tests.audit.staging import all_actions, deed, ledger_length, lock_the_study, newest_entries, row_counts
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import SYSTEM, Site
from trialmgr.people.permissions import PERMISSIONS, Role
from trialmgr.studies.clock import today
from trialmgr.studies.queries import open_lock

pytestmark = pytest.mark.on_both  # every act, past the triggers of each database

C, INV, R, T = Role.COORDINATOR, Role.INVESTIGATOR, Role.RATER, Role.TREATING_TEAM
M, D, U, INS, A = (
    Role.MONITOR,
    Role.DATA_MANAGER,
    Role.UNBLINDED_STATISTICIAN,
    Role.INSPECTOR,
    Role.ADMINISTRATOR,
)
EVERYBODY = frozenset(Role)

# Which roles each action lets in. A new action has to be entered here.
WHO_MAY: dict[str, frozenset[Role]] = {
    "allocation.countersigned": frozenset({INV, D}),
    "allocation.flag_withdrawal_asked": frozenset({C, INV}),
    "allocation.flag_withdrawn": frozenset({INV, D}),
    "allocation.flagged": frozenset({C, INV}),
    "calendar.exported": frozenset({C, INV, R, T}),
    "cap.set": frozenset({D}),
    "code.broken": frozenset({INV, T}),
    "code_break.noticed": frozenset({D, U}),
    "envelope.entered": frozenset({C, INV}),
    "hold.lifted": frozenset({D}),
    "hold.placed": frozenset({D}),
    "stratum.corrected": frozenset({C, INV}),
    "stratum.used_up": frozenset({C, INV}),
    "casebook.frozen": frozenset({D}),
    "casebook.opened": frozenset({C, INV}),
    "casebook.printed": frozenset({C, INV, R, T, M, D, INS}),
    "casebook.settled": frozenset({D}),
    "casebook.thawed": frozenset({D}),
    "consent.corrected": frozenset({C, INV}),
    "consent.recorded": frozenset({C, INV}),
    "consent.withdrawn": frozenset({C, INV}),
    "contact.erased": frozenset({C, INV}),
    "contact.read": frozenset({C, INV}),
    "consent.withdrawal_undone": frozenset({C, INV}),
    "participant.moved": frozenset({D}),
    "contact.saved": frozenset({C, INV}),
    "deviation.explained": frozenset({C, INV, R, T}),
    "deviation.judged": frozenset({INV}),
    "draft.expired": EVERYBODY,
    "eligibility.judged": frozenset({INV}),
    "entry.migrated": frozenset({D}),
    "entry.moved": frozenset({C, INV, R, T}),
    "entry.not_done": frozenset({C, INV, R, T}),
    "entry.removed": frozenset({C, INV, R, T}),
    "entry.saved": frozenset({C, INV, R, T}),
    "file.stored": frozenset({C, INV, R, T}),
    "entry.signed": frozenset({INV}),
    "entries.signed": frozenset({INV}),
    "entries.verified": frozenset({M}),
    "flow.exported": frozenset({C, INV, M, D, Role.STATISTICIAN, U, INS}),
    "freeze.noticed": frozenset({D}),
    "gate.undone": frozenset({INV}),
    "gate.decided": frozenset({INV}),
    "items.verified": frozenset({M}),
    "judgement.confirmed": frozenset({INV}),
    "envelopes.exported": frozenset({U}),
    "list.activated": frozenset({D, U}),
    "list.extended": frozenset({U}),
    "list.extension_activated": frozenset({D, U}),
    "list.imported": frozenset({U}),
    "list.made": frozenset({U}),
    "list.revealed": frozenset({U}),
    "participant.ended": frozenset({C, INV}),
    "participant.ending_undone": frozenset({C, INV, D}),
    "participant.voided": frozenset({C, INV, D}),
    "participant.enrolled": frozenset({C, INV}),
    "participant.phase_opened": frozenset({INV}),
    "participant.randomised": frozenset({C, INV}),
    "participant.registered": frozenset({C, INV}),
    "query.answered": frozenset({C, INV, R, T}),
    "query.assigned": frozenset({C, INV, M, D}),
    "query.closed": frozenset({M, D}),
    "queries.closed": frozenset({M, D}),
    "query.raised": frozenset({M, D}),
    "query.raised_on_form": frozenset({M, D}),
    "query.raised_on_visit": frozenset({M, D}),
    "query.reopened": frozenset({M, D}),
    "registration.corrected": frozenset({C, INV}),
    "release.downloaded": frozenset({D, U, INS}),
    "release.made": frozenset({D}),
    "role.ended": frozenset({A}),
    "role.granted": frozenset({A}),
    "site.activated": frozenset({A}),
    "site.closed": frozenset({A}),
    "site.created": frozenset({A}),
    "site.frozen": frozenset({D}),
    "site.unfrozen": frozenset({D}),
    "study.locked": frozenset({D}),
    "study.approved": frozenset({D, U}),
    "study.proposed": frozenset({D}),
    "study.put_in_force": frozenset({D, U}),
    "study.unlocked": frozenset({D}),
    "token.made": frozenset({A}),
    "trail.exported": frozenset({C, INV, M, D, INS}),
    "trail.printed": frozenset({C, INV, M, D, INS}),
    "user.created": frozenset({A}),
    "user.deactivated": frozenset({A}),
    "user.password_link": frozenset({A}),
    # A person's own account, and what the sign-in itself notes.
    "user.language": EVERYBODY,
    "user.password_changed": EVERYBODY,
    "user.second_factor": EVERYBODY,
    "user.sign_in_failed": EVERYBODY,
    "user.signed_in": EVERYBODY,
    "user.signed_out": EVERYBODY,
    "user.unblinded": EVERYBODY,
    "visit.added": frozenset({C, INV, R, T}),
    "visit.day_set": frozenset({C, INV, R, T}),
    "visit.frozen": frozenset({D}),
    "visit.unfrozen": frozenset({D}),
    "visit.not_done": frozenset({C, INV, R, T}),
    "visit.reopened": frozenset({C, INV, R, T}),
    "visits.replanned": frozenset({D}),
}

WORK_WHEN_LOCKED = {
    "calendar.exported",
    "code.broken",
    "code_break.noticed",
    "user.unblinded",
    "casebook.printed",
    "contact.erased",
    "contact.read",
    "draft.expired",
    "flow.exported",
    "list.revealed",
    "release.downloaded",
    "release.made",
    "role.ended",
    "role.granted",
    "study.unlocked",
    "token.made",
    "trail.exported",
    "trail.printed",
    "user.created",
    "user.deactivated",
    "user.language",
    "user.password_changed",
    "user.password_link",
    "user.second_factor",
    "user.sign_in_failed",
    "user.signed_in",
    "user.signed_out",
}


def test_every_action_stands_in_the_table_with_the_roles_it_lets_in() -> None:
    found = {
        info.name: frozenset(role for role in Role if info.permission is None or info.permission in PERMISSIONS[role])
        for info in all_actions().values()
    }
    assert found == WHO_MAY


def test_only_accounts_contact_details_and_taking_out_work_while_the_study_is_locked() -> None:
    assert {info.name for info in all_actions().values() if info.works_when_locked} == WORK_WHEN_LOCKED


def test_every_action_has_a_recipe_here() -> None:
    assert sorted(RECIPES) == sorted(all_actions())


@pytest.mark.parametrize("name", sorted(all_actions()))
def test_an_action_demands_the_person_who_acts(name: str) -> None:
    with pytest.raises(TypeError, match="by="):
        ACTIONS[name].function(participant=MagicMock())


@pytest.mark.parametrize("name", sorted(name for name, info in all_actions().items() if info.permission))
def test_an_action_asks_for_its_permission_before_anything_else(name: str) -> None:
    asked: list[str] = []

    class Stranger:
        def check_may(self, permission: str, *, site: object = None) -> None:
            asked.append(permission)
            raise PermissionDenied

    anything = dict.fromkeys(
        (
            "site",
            "participant",
            "visit",
            "entry",
            "query",
            "consent",
            "membership",
            "allocation",
            "flag",
            "deviation",
            "freeze",
        ),
        MagicMock(),
    )
    with pytest.raises(PermissionDenied):
        ACTIONS[name].function(by=Stranger(), **anything)
    assert asked == [ACTIONS[name].permission]


@pytest.fixture(params=sorted(RECIPES))
def ready(request: pytest.FixtureRequest, cast: Cast) -> tuple[ActionInfo, Act]:
    """An action and its act, with everything it needs in place."""
    return ACTIONS[request.param], RECIPES[request.param](cast)


def test_an_act_stands_in_the_ledger_whole_or_did_not_happen(
    ready: tuple[ActionInfo, Act], monkeypatch: pytest.MonkeyPatch
) -> None:
    _info, do = ready
    before, length = row_counts(), ledger_length()
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "append", MagicMock(side_effect=RuntimeError("the ledger is out of reach")))
        with pytest.raises(RuntimeError, match="out of reach"):
            do()
    assert row_counts() == before, "something stayed behind though the ledger entry failed"
    do()
    entries = newest_entries(length)
    assert entries
    assert [entry.seq for entry in entries] == list(range(length + 1, length + 1 + len(entries)))
    assert len({entry.act for entry in entries}) == 1
    assert all(entry.actor and entry.actor_id and entry.roles for entry in entries)
    assert all(entry.object_type and entry.object_id for entry in entries)


def test_a_locked_study_refuses_the_act_and_keeps_nothing_of_it(
    ready: tuple[ActionInfo, Act],
) -> None:
    info, do = ready
    if open_lock() is None:
        lock_the_study()
    before = row_counts()
    if info.works_when_locked:
        do()
        assert row_counts()["audit_ledgerentry"] > before["audit_ledgerentry"]
    else:
        with pytest.raises(ActionRefused):
            do()
        assert row_counts() == before


@pytest.mark.django_db
class TestAction:
    def test_refuses_to_commit_when_nothing_was_recorded(self, cast: Cast) -> None:
        silent = action("test.silent", permission=None)(self._silent)
        try:
            with pytest.raises(NotInLedger, match=r"test\.silent"):
                silent(by=SYSTEM)
        finally:
            del ACTIONS["test.silent"]
        assert not Site.objects.filter(code="ZZ").exists()

    @staticmethod
    def _silent(*, by: object) -> None:
        Site(code="ZZ", name="Nowhere").save()

    def test_two_actions_cannot_share_a_name(self) -> None:
        with pytest.raises(ValueError, match=r"entry\.saved"):
            action("entry.saved", permission=None)(self._silent)

    def test_an_inner_act_joins_the_outer_one(self, cast: Cast) -> None:
        length = ledger_length()
        deed(lambda: deed(lambda: None, name="test.inner"))
        outer, inner = newest_entries(length)
        assert (outer.action, inner.action, outer.act == inner.act) == ("test.deed", "test.inner", True)

    def test_a_refused_inner_act_leaves_nothing_when_the_outer_one_goes_on(self, cast: Cast) -> None:
        def refused() -> None:
            Site(code="ZZ", name="Nowhere").save()
            raise ActionRefused("no")

        def outer() -> None:
            with pytest.raises(ActionRefused):
                deed(refused, name="test.inner")

        length = ledger_length()
        deed(outer)
        assert [entry.action for entry in newest_entries(length)] == ["test.deed"]
        assert not Site.objects.filter(code="ZZ").exists()

    def test_outside_an_act_there_is_nothing_to_record_in(self) -> None:
        with pytest.raises(OutsideAction):
            record(object_type="test", object_id="1")

    def test_the_act_is_over_when_it_failed(self, cast: Cast) -> None:
        with pytest.raises(ZeroDivisionError):
            deed(lambda: 1 / 0)
        assert not acts.acting()

    def test_a_write_the_database_refused_because_of_a_lock_meanwhile_is_told_in_words(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guard = MagicMock(side_effect=[None, ActionRefused("locked meanwhile")])
        monkeypatch.setattr(door, "_lock_guards", [guard])
        with pytest.raises(ActionRefused, match="locked meanwhile"):
            deed(MagicMock(side_effect=IntegrityError))

    def test_any_other_refusal_of_the_database_stays_what_it_is(self, cast: Cast) -> None:
        with pytest.raises(IntegrityError):
            deed(MagicMock(side_effect=IntegrityError))

    def test_the_question_whether_the_study_is_locked_is_asked_once(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guards: list[Callable[[], None]] = []
        monkeypatch.setattr(door, "_lock_guards", guards)
        guard = MagicMock()
        door.refuse_when(guard)
        door.refuse_when(guard)
        deed(lambda: None)
        guard.assert_called_once_with()


def test_a_refusal_tells_every_reason() -> None:
    refusal = ActionRefused("no consent", "no baseline")
    assert refusal.reasons == ("no consent", "no baseline")
    assert str(refusal) == "no consent; no baseline"


def test_the_installation_itself_may_set_up_and_nothing_else() -> None:
    for permission in ("sites.manage", "people.manage"):
        SYSTEM.check_may(permission)
    with pytest.raises(PermissionDenied):
        SYSTEM.check_may("entries.enter")
    assert SYSTEM.role_names(None) == "system"


def test_a_site_role_acts_at_its_own_site_only(cast: Cast) -> None:
    before = row_counts()
    with pytest.raises(PermissionDenied):
        register_participant(by=cast.at("UMCG", Role.COORDINATOR), site=cast.sites["LUMC"], on=today())
    assert row_counts() == before
