"""Freezing a site, a casebook, a visit or a form, and unfreezing it: people are bound, what follows is not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from django.db import IntegrityError, models, transaction

from audit.acts import ActionRefused
from crf.actions import (
    freeze,
    freeze_site,
    freeze_visit,
    mark_visit_not_done,
    notice_followed,
    register_participant,
    remove_entry,
    reopen_visit,
    set_visit_day,
    settle_casebook,
    undo_ending,
    unfreeze,
    unfreeze_site,
    unfreeze_visit,
)
from crf.freezes import followed, to_look_at
from crf.models import FormEntry, Freeze, Visit
from crf.policies import frozen_reasons
from tests import walk
from tests.audit.recipes import again, frozen_and_followed, the
from tests.audit.staging import deed, ledger_length, newest_entries
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.models import Site
from trialmgr.people.permissions import Role


class TestFreezing:
    def test_a_frozen_casebook_is_unfrozen_with_a_reason(self, cast: Cast) -> None:
        participant = walk.registered(cast)
        manager = the(cast, Role.DATA_MANAGER)
        frozen = freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            freeze(by=manager, participant=participant)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason=" ")
        unfrozen = unfreeze(by=manager, participant=participant, reason="a page came late")
        assert (unfrozen.pk, unfrozen.unfrozen_by) == (frozen.pk, manager.actor_name)
        with pytest.raises(ActionRefused):
            unfreeze(by=manager, participant=participant, reason="again")
        assert freeze(by=manager, participant=participant).pk != frozen.pk

    def test_visits_of_a_frozen_casebook_keep_their_day(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.registered(cast), "screening")
        freeze(by=the(cast, Role.DATA_MANAGER), participant=visit.participant)
        with pytest.raises(ActionRefused):
            set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=visit.participant.registered_on)
        assert Visit.objects.get(pk=visit.pk).took_place_on is None

    def test_the_database_holds_one_standing_freeze(self, cast: Cast) -> None:
        frozen = freeze(by=the(cast, Role.DATA_MANAGER), participant=walk.registered(cast))
        second = Freeze(participant=frozen.participant, frozen_at=frozen.frozen_at, frozen_by="x")
        with pytest.raises(IntegrityError), transaction.atomic():
            deed(second.save)


def reasons(refused: pytest.ExceptionInfo[ActionRefused]) -> list[str]:
    return [reason.partition(" is frozen")[0] for reason in refused.value.reasons]


class TestWhatIsFrozen:
    """Each refusal names what is frozen, so that it is known what there is to unfreeze."""

    def test_of_a_frozen_form_nothing_changes_and_the_others_go_on(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.screened(cast), "screening")
        freeze_visit(by=the(cast, Role.DATA_MANAGER), visit=visit, form_key="madrs")
        with pytest.raises(ActionRefused) as refused:
            walk.fill(cast, visit, "madrs", madrs=20, reason="misread")
        assert reasons(refused) == ["This form"]
        walk.fill(cast, visit, "vital_signs", given={"pulse": "61"}, reason="misread")
        on = visit.participant.registered_on
        set_visit_day(by=the(cast, Role.COORDINATOR), visit=visit, on=on, reason="misread")

    def test_of_a_frozen_visit_neither_day_nor_forms_change(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        visit, baseline = walk.visit_of(participant, "screening"), walk.visit_of(participant, "baseline")
        manager, coordinator = the(cast, Role.DATA_MANAGER), the(cast, Role.COORDINATOR)
        for one in (visit, baseline):
            freeze_visit(by=manager, visit=one)
        entry = visit.entries.get(form_key="vital_signs")
        for act in (
            lambda: walk.fill(cast, visit, "madrs", madrs=20, reason="misread"),
            lambda: set_visit_day(by=coordinator, visit=visit, on=participant.registered_on, reason="misread"),
            lambda: mark_visit_not_done(by=coordinator, visit=baseline, reason="ill"),
            lambda: remove_entry(by=coordinator, entry=entry, reason="of somebody else"),
        ):
            with pytest.raises(ActionRefused) as refused:
                act()
            assert "This visit" in reasons(refused)
        with pytest.raises(ActionRefused) as refused:
            reopen_visit(by=coordinator, visit=visit, reason="misread")
        assert reasons(refused)[-1] == "This visit"
        assert frozen_reasons(participant) == []

    def test_at_a_frozen_site_no_casebook_changes_and_none_is_opened(self, cast: Cast) -> None:
        visit, other = (walk.visit_of(walk.screened(cast, site), "screening") for site in ("UMCG", "LUMC"))
        site = visit.participant.site
        freeze_site(by=the(cast, Role.DATA_MANAGER), site=site)
        with pytest.raises(ActionRefused) as refused:
            walk.fill(cast, visit, "madrs", madrs=20, reason="misread")
        assert reasons(refused) == ["This site"]
        with pytest.raises(ActionRefused) as refused:
            register_participant(by=the(cast, Role.COORDINATOR), site=site, on=visit.participant.registered_on)
        assert reasons(refused) == ["This site"]
        walk.fill(cast, other, "madrs", madrs=20, reason="misread")

    def test_each_freeze_is_lifted_by_itself(self, cast: Cast) -> None:
        visit = walk.visit_of(walk.screened(cast), "screening")
        participant, manager = visit.participant, the(cast, Role.DATA_MANAGER)
        freeze_site(by=manager, site=participant.site)
        freeze(by=manager, participant=participant)
        freeze_visit(by=manager, visit=visit)
        freeze_visit(by=manager, visit=visit, form_key="madrs")
        with pytest.raises(ActionRefused) as refused:
            walk.fill(cast, visit, "madrs", madrs=20, reason="misread")
        assert reasons(refused) == ["This site", "The casebook of this participant", "This visit", "This form"]
        names = [str(one) for one in Freeze.objects.standing()]
        assert names == ["UMCG", "UMCG-001", "UMCG-001/screening", "UMCG-001/screening/madrs"]
        length = ledger_length()
        unfreeze_site(by=manager, site=participant.site, reason="a page came late")
        unfreeze(by=manager, participant=participant, reason="a page came late")
        unfreeze_visit(by=manager, visit=visit, reason="a page came late")
        assert [line.object_id for line in newest_entries(length)] == names[:3]
        with pytest.raises(ActionRefused) as refused:
            walk.fill(cast, visit, "madrs", madrs=20, reason="misread")
        assert reasons(refused) == ["This form"]
        unfreeze_visit(by=manager, visit=visit, form_key="madrs", reason="a page came late")
        walk.fill(cast, visit, "madrs", madrs=20, reason="misread")

    def test_twice_is_refused_and_so_is_unfreezing_what_is_not_frozen_or_without_a_reason(self, cast: Cast) -> None:
        visit, manager = walk.visit_of(walk.registered(cast), "screening"), the(cast, Role.DATA_MANAGER)
        site = visit.participant.site
        of_form = partial(freeze_visit, by=manager, visit=visit, form_key="madrs")
        off_form = partial(unfreeze_visit, by=manager, visit=visit, form_key="madrs")
        of_site, off_site = partial(freeze_site, by=manager, site=site), partial(unfreeze_site, by=manager, site=site)
        pairs: list[tuple[Callable[..., Freeze], Callable[..., Freeze]]] = [(of_form, off_form), (of_site, off_site)]
        for act, lift in pairs:
            with pytest.raises(ActionRefused):
                lift(reason="a page came late")
            act()
            with pytest.raises(ActionRefused):
                act()
            with pytest.raises(ActionRefused):
                lift(reason=" ")
        with pytest.raises(ActionRefused, match="does not belong to this visit"):
            freeze_visit(by=manager, visit=visit, form_key="adverse_event")

    def test_an_ending_on_a_frozen_form_is_not_undone(self, cast: Cast) -> None:
        participant = walk.screened(cast)
        log = walk.visit_of(participant, "log")
        walk.fill(cast, log, "end_of_participation", given={"eop_status": "screen_failure"})
        freeze_visit(by=the(cast, Role.DATA_MANAGER), visit=log, form_key="end_of_participation")
        with pytest.raises(ActionRefused) as refused:
            undo_ending(by=the(cast, Role.COORDINATOR), participant=again(participant), reason="misread")
        assert reasons(refused) == ["This form"]


class TestWhatFollows:
    def test_it_goes_on_the_freeze_stands_and_who_froze_is_told_until_they_have_seen_it(self, cast: Cast) -> None:
        frozen = frozen_and_followed(cast)
        manager = the(cast, Role.DATA_MANAGER)
        outcome = FormEntry.objects.get(form_key="outcome", visit=frozen.visit)
        assert outcome.data["oc_response"] == "no"
        assert again(frozen).unfrozen_at is None
        assert list(to_look_at(manager)) == [frozen]
        assert "oc_response" in {line.item for line in followed(frozen, manager)}
        seen = notice_followed(by=manager, freeze=frozen)
        assert (seen.noticed_by, seen.unfrozen_at, list(to_look_at(manager))) == (manager.actor_name, None, [])
        with pytest.raises(ActionRefused):
            notice_followed(by=manager, freeze=frozen)
        walk.fill(cast, outcome.visit, "madrs", madrs=12, reason="read wrongly once more")
        assert list(to_look_at(manager)) == [frozen]
        unfreeze_visit(by=manager, visit=outcome.visit, form_key="outcome", reason="to be looked at")
        assert list(to_look_at(manager)) == []

    def test_whoever_froze_the_visit_the_casebook_or_the_site_is_told_as_well(self, cast: Cast) -> None:
        week_8, manager = walk.visit_of(walk.at_week_8(cast), "week_8"), the(cast, Role.DATA_MANAGER)
        walk.fill(cast, week_8, "outcome")
        participant = week_8.participant
        of_visit = freeze_visit(by=manager, visit=week_8)
        walk.fill(cast, walk.visit_of(participant, "baseline"), "madrs", madrs=44, reason="misread")
        assert list(to_look_at(manager)) == [of_visit]
        of_casebook = freeze(by=manager, participant=participant)
        of_site = freeze_site(by=manager, site=participant.site)
        freeze_site(by=manager, site=Site.objects.get(code="LUMC"))
        assert list(to_look_at(manager)) == [of_visit]
        models.QuerySet(FormEntry).filter(form_key="outcome", visit=week_8).update(data={})
        settle_casebook(by=manager, participant=participant, reason="restored from a back-up")
        assert list(to_look_at(manager)) == [of_visit, of_casebook, of_site]
        assert followed(of_casebook, manager).count() == followed(of_site, manager).count() > 0

    def test_who_cannot_look_any_more_is_stood_in_for(self, cast: Cast) -> None:
        frozen = frozen_and_followed(cast)
        frozen.freezer = None
        deed(frozen.save)
        assert list(to_look_at(the(cast, Role.DATA_MANAGER))) == [frozen]
