"""What is typed and not saved: kept for its author alone, back in the boxes, chosen between, gone when it should be."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.models import LedgerEntry
from crf.actions import drafts as keeping
from crf.actions import (
    expire_dead_drafts,
    freeze,
    freeze_visit,
    move_participant,
    register_participant,
    remove_entry,
    save_entry,
    set_visit_day,
    unfreeze_visit,
)
from crf.models import Draft, FormEntry, Visit
from tests import walk
from tests.amendments import amended, items, new_item, put_in_force
from tests.crf.pages import Reader, boxes, form_url
from tests.crf.test_pages_entries import log_of, screening
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants.actions import record_consent
from trialmgr.people.actions import deactivate_user, end_role, note_unblinding
from trialmgr.people.models import SYSTEM, Site
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.clock import today

SignedIn = Callable[..., Client]
pytestmark = pytest.mark.on_both

SLOT, OTHER = "a1", "b2"
TYPED = {"systolic": "143", "diastolic": "91"}


def draft_url(url: str, row: int | str = 1) -> str:
    return f"{url}rows/{row}/draft/"


def keep(reader: Reader, address: str, typed: Mapping[str, str], *, slot: str = SLOT, **more: Any) -> dict[str, Any]:
    """As the page's script does every five seconds; what it is told."""
    sent = boxes(typed) | {"draft_slot": slot} | {name: str(value) for name, value in more.items()}
    answer: dict[str, Any] = json.loads(reader.post(address, sent, 200))
    return answer


def is_in_box(page: str, item: str, value: str) -> bool:
    _before, found, rest = page.partition(f'name="item.{item}"')
    return bool(found) and f'value="{value}"' in rest.partition(">")[0]


@pytest.fixture
def visit(cast: Cast) -> Visit:
    return screening(cast)


@pytest.fixture
def url(visit: Visit) -> str:
    return form_url(visit, "vital_signs")


@pytest.fixture
def coordinator(signed_in: SignedIn, cast: Cast) -> Reader:
    return Reader(signed_in, cast, Role.COORDINATOR)


@pytest.fixture
def investigator(signed_in: SignedIn, cast: Cast) -> Reader:
    return Reader(signed_in, cast, Role.INVESTIGATOR)


class TestKeeping:
    def test_leaves_no_line_no_entry_and_no_readable_value(self, coordinator: Reader, url: str) -> None:
        lines = LedgerEntry.objects.count()
        told = keep(coordinator, draft_url(url), TYPED | {"pulse": "177"})
        assert told["kept"]
        assert told["news"] == ""
        assert not FormEntry.objects.exists()
        assert LedgerEntry.objects.count() == lines
        assert b"177" not in bytes(Draft.objects.get().sealed)

    def test_writes_over_what_the_same_page_kept_and_over_no_other(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "1"})
        keep(coordinator, draft_url(url), {"systolic": "14"})
        keep(coordinator, draft_url(url), {"systolic": "99"}, slot=OTHER)
        assert [(draft.slot, draft.turn) for draft in Draft.objects.order_by("slot")] == [(SLOT, 2), (OTHER, 1)]

    def test_takes_the_place_of_drafts_in_its_boxes_unless_they_went_on(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "1"})
        keep(coordinator, draft_url(url), {"systolic": "2"}, slot="c3")
        keep(coordinator, draft_url(url), {"systolic": "14"}, slot="c3")
        keep(coordinator, draft_url(url), TYPED, slot=OTHER, draft_taken=f"{SLOT}:1 c3:1")
        assert {draft.slot for draft in Draft.objects.all()} == {OTHER, "c3"}

    def test_of_just_what_is_saved_is_nothing_to_keep(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        assert keep(coordinator, draft_url(url), {})["kept"] == ""
        assert not Draft.objects.exists()
        assert keep(coordinator, draft_url(url), {}, reason_text="why")["kept"]

    def test_is_dated_back_to_when_it_was_typed_but_not_beyond_a_week(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED, seconds=3600)
        assert timezone.now() - Draft.objects.get().typed_at >= datetime.timedelta(hours=1)
        keep(coordinator, draft_url(url), TYPED | {"pulse": "70"}, slot=OTHER, seconds=999_999_999)
        assert not Draft.objects.filter(slot=OTHER).exists()

    def test_tells_who_saved_the_form_meanwhile(
        self, coordinator: Reader, investigator: Reader, url: str, visit: Visit, cast: Cast
    ) -> None:
        save_entry(by=cast.at("UMCG", Role.INVESTIGATOR), visit=visit, form_key="vital_signs", values=TYPED)
        told = keep(coordinator, draft_url(url), {"systolic": "150"})
        assert told["news"].startswith("Investigator UMCG saved this form at ")
        assert keep(investigator, draft_url(url), {"systolic": "150"})["news"].startswith("You saved")
        assert keep(coordinator, draft_url(url), {"systolic": "151"}, revision=1)["news"] == ""

    def test_tells_nobody_where_the_trail_names_nobody(self, coordinator: Reader, url: str) -> None:
        assert keep(coordinator, draft_url(url), TYPED, revision=7)["news"] == ""

    @pytest.mark.parametrize("slot", ["", "ü", "a/b", "x" * 33])
    def test_needs_the_name_of_a_page(self, coordinator: Reader, url: str, slot: str) -> None:
        page = coordinator.post(draft_url(url), boxes(TYPED) | {"draft_slot": slot}, 409)
        assert "load it again" in page

    def test_has_a_limit_of_size_and_says_so(self, coordinator: Reader, url: str) -> None:
        sent = boxes(TYPED, draft_slot=SLOT, reason_text="x" * keeping.LARGEST)
        assert "more than can be kept" in coordinator.post(draft_url(url), sent, 409)
        assert not Draft.objects.exists()

    def test_has_a_limit_of_number_and_says_so(
        self, coordinator: Reader, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(keeping, "MOST", 1)
        keep(coordinator, draft_url(url), TYPED)
        sent = boxes(TYPED, draft_slot=OTHER)
        assert "You have 1 drafts" in coordinator.post(draft_url(url), sent, 409)

    @pytest.mark.parametrize("unusable", ["", "short", "not base64 at all!"])
    def test_is_refused_without_a_key(
        self, coordinator: Reader, url: str, settings: LazySettings, unusable: str
    ) -> None:
        settings.TRIALMGR_CONTACT_KEY = unusable
        assert "TRIALMGR_CONTACT_KEY" in coordinator.post(draft_url(url), boxes(TYPED, draft_slot=SLOT), 409)
        coordinator.get("/drafts/key/", 409)

    def test_is_refused_where_nothing_may_be_saved(
        self, coordinator: Reader, url: str, visit: Visit, cast: Cast
    ) -> None:
        freeze(by=cast.people[(Role.DATA_MANAGER, "")], participant=visit.participant)
        assert "frozen" in coordinator.post(draft_url(url), boxes(TYPED, draft_slot=SLOT), 409)
        of_rater = draft_url(form_url(visit, "madrs"))
        assert "does not enter this form" in coordinator.post(of_rater, boxes({"madrs_1": "3"}, draft_slot=SLOT), 409)
        assert not Draft.objects.exists()

    def test_of_a_new_row_is_for_repeating_forms(self, coordinator: Reader, url: str, visit: Visit) -> None:
        coordinator.post(draft_url(url, "new"), {}, 404)
        log = form_url(log_of(visit.participant), "concomitant_medication")
        assert keep(coordinator, draft_url(log, "new"), {"cm_name": "lithium"})["kept"]
        assert Draft.objects.get().name.endswith("/concomitant_medication/0")


class TestTheAuthor:
    def test_finds_it_in_the_boxes_and_is_told_that_it_is_not_saved(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED, reason_choice="typing", reason_text="misread")
        page = coordinator.get(url)
        assert is_in_box(page, "systolic", "143")
        assert "and did not save it" in page
        assert f'name="draft_taken" value="{SLOT}:1" form="entry"' in page
        assert not FormEntry.objects.exists()

    def test_finds_also_why_a_saved_value_changes(
        self, coordinator: Reader, url: str, visit: Visit, cast: Cast
    ) -> None:
        save_entry(by=cast.at("UMCG", Role.COORDINATOR), visit=visit, form_key="vital_signs", values=TYPED)
        keep(
            coordinator, draft_url(url), {"systolic": "150"}, revision=1, reason_choice="typing", reason_text="misread"
        )
        page = coordinator.get(url)
        assert '<option value="typing" selected>' in page
        assert "misread</textarea>" in page
        assert "Saved earlier:" in page

    def test_alone_finds_it(self, coordinator: Reader, investigator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        page = investigator.get(url)
        assert "did not save" not in page
        assert not is_in_box(page, "systolic", "143")

    def test_saves_it_as_anything_typed_and_it_is_gone(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        page = coordinator.send(url, boxes(TYPED, draft_slot=OTHER, draft_taken=f"{SLOT}:1"))
        assert "Saved." in page
        assert not Draft.objects.exists()

    def test_sends_the_same_page_twice_and_it_is_gone_all_the_same(self, cast: Cast, url: str) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(
            cast.at("UMCG", Role.COORDINATOR), backend="allauth.account.auth_backends.AuthenticationBackend"
        )
        token = client.get(url).context["csrf_token"]
        sent = boxes(TYPED, draft_slot=SLOT, csrfmiddlewaretoken=str(token))
        client.post(url, sent)
        keep_again = boxes({"systolic": "1"}, draft_slot=SLOT)
        client.post(draft_url(url), keep_again, headers={"X-CSRFToken": str(token)})
        assert Draft.objects.exists()
        client.post(url, sent)
        assert not Draft.objects.exists()

    def test_keeps_it_through_a_refused_save(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "9999"})
        page = coordinator.post(url, boxes({"systolic": "9999"}, draft_slot=SLOT), 422)
        assert f'name="draft_taken" value="{SLOT}:1" form="entry"' in page
        assert Draft.objects.exists()

    def test_discards_it(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        page = coordinator.send(f"{draft_url(url)}discard/", {"draft_taken": f"{SLOT}:1"})
        assert "thrown away" in page
        assert "did not save" not in page
        assert not Draft.objects.exists()
        assert not LedgerEntry.objects.filter(action__startswith="draft").exists()

    def test_does_not_discard_what_was_typed_on_elsewhere_since(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "1"})
        keep(coordinator, draft_url(url), {"systolic": "14"})
        coordinator.send(f"{draft_url(url)}discard/", {"draft_taken": f"{SLOT}:1"})
        assert Draft.objects.exists()

    def test_finds_rows_of_groups_with_a_box_for_each(self, coordinator: Reader, visit: Visit) -> None:
        url = form_url(visit, "treatment_history")
        keep(coordinator, draft_url(url), {"trials.1.th_dose": "150", "trials.3.th_dose": "40"})
        page = coordinator.get(url)
        assert is_in_box(page, "trials.1.th_dose", "150")
        assert is_in_box(page, "trials.3.th_dose", "40")

    def test_finds_new_rows_each_on_its_own(self, coordinator: Reader, visit: Visit) -> None:
        url = form_url(log_of(visit.participant), "concomitant_medication")
        keep(coordinator, draft_url(url, "new"), {"cm_name": "lithium"})
        keep(coordinator, draft_url(url, "new"), {"cm_name": "quetiapine"}, slot=OTHER)
        page = coordinator.get(f"{url}rows/new/")
        assert is_in_box(page, "cm_name", "quetiapine")
        assert f"{url}rows/new/?draft={SLOT}" in page
        assert is_in_box(coordinator.get(f"{url}rows/new/?draft={SLOT}"), "cm_name", "lithium")
        coordinator.send(f"{draft_url(url, 'new')}discard/", {"draft_taken": f"{SLOT}:1"})
        assert Draft.objects.get().slot == OTHER

    def test_finds_nothing_that_is_saved_already(self, coordinator: Reader, url: str, visit: Visit, cast: Cast) -> None:
        keep(coordinator, draft_url(url), TYPED)
        save_entry(by=cast.at("UMCG", Role.INVESTIGATOR), visit=visit, form_key="vital_signs", values=TYPED)
        assert "did not save" not in coordinator.get(url)
        assert not Draft.objects.exists()

    def test_does_not_get_it_into_a_frozen_form_but_later(
        self, coordinator: Reader, url: str, visit: Visit, cast: Cast
    ) -> None:
        keep(coordinator, draft_url(url), TYPED)
        manager = cast.people[(Role.DATA_MANAGER, "")]
        freeze_visit(by=manager, visit=visit)
        page = coordinator.get(url)
        assert "It comes back when something can be entered here again" in page
        assert "143" not in page
        unfreeze_visit(by=manager, visit=visit, reason="late page")
        assert is_in_box(coordinator.get(url), "systolic", "143")


class TestAConflict:
    @pytest.fixture
    def saved(self, visit: Visit, cast: Cast) -> FormEntry:
        """By somebody else, while the coordinator typed on a form on which nothing stood."""
        by = cast.at("UMCG", Role.INVESTIGATOR)
        values = {"systolic": "120", "diastolic": "80", "pulse": "70"}
        return save_entry(by=by, visit=visit, form_key="vital_signs", values=values).entry

    def test_at_saving_shows_both_values_with_who_and_when(
        self, coordinator: Reader, url: str, saved: FormEntry
    ) -> None:
        page = coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        assert "<strong>120 mmHg</strong> – saved by Investigator UMCG on " in page
        assert "<strong>143 mmHg</strong> – typed by you on " in page
        assert "pick.diastolic" not in page  # both say the same
        assert 'name="pick.pulse" value="saved" required checked' in page  # only the other touched it
        assert FormEntry.objects.get().data["systolic"] == "120"

    def test_lets_one_choose_and_saves_nothing_by_that(self, coordinator: Reader, url: str, saved: FormEntry) -> None:
        coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        sent = {"revision": "1", "draft_taken": f"{SLOT}:1", "pick.systolic": f"{SLOT}:1", "pick.pulse": "saved"}
        page = coordinator.send(f"{draft_url(url)}choose/", sent)
        assert is_in_box(page, "systolic", "143")
        assert is_in_box(page, "pulse", "70")
        assert 'name="revision" value="1"' in page
        assert FormEntry.objects.get().revision == 1
        token = Draft.objects.get().token
        typed = {"systolic": "143", "diastolic": "80", "pulse": "70"}
        assert "Saved." in coordinator.send(url, boxes(typed, 1, reason_choice="source", draft_taken=token))
        assert FormEntry.objects.get().data["systolic"] == "143"
        assert not Draft.objects.exists()

    def test_wants_a_choice_where_both_changed(self, coordinator: Reader, url: str, saved: FormEntry) -> None:
        coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        sent = {"revision": "1", "draft_taken": f"{SLOT}:1", "pick.pulse": f"{SLOT}:1"}
        page = coordinator.post(f"{draft_url(url)}choose/", sent, 422)
        assert "Choose a value for each question." in page
        assert f'name="pick.pulse" value="{SLOT}:1" required checked' in page

    def test_may_end_with_what_is_saved(self, coordinator: Reader, url: str, saved: FormEntry) -> None:
        coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        sent = {"revision": "1", "draft_taken": f"{SLOT}:1", "pick.systolic": "saved", "pick.pulse": "saved"}
        assert "stays as it was saved" in coordinator.send(f"{draft_url(url)}choose/", sent)
        assert not Draft.objects.exists()

    def test_is_asked_again_when_it_was_saved_once_more(
        self, coordinator: Reader, url: str, saved: FormEntry, visit: Visit, cast: Cast
    ) -> None:
        coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        by = cast.at("UMCG", Role.INVESTIGATOR)
        save_entry(by=by, visit=visit, form_key="vital_signs", values={"systolic": "121"}, reason="typing error")
        sent = {"revision": "1", "draft_taken": f"{SLOT}:1", "pick.systolic": "saved", "pick.pulse": "saved"}
        assert "121 mmHg" in coordinator.send(f"{draft_url(url)}choose/", sent)

    def test_needs_no_script_and_no_draft_before(self, coordinator: Reader, url: str, saved: FormEntry) -> None:
        page = coordinator.send(url, boxes({"systolic": "143"}))
        assert "143 mmHg" in page
        assert "120 mmHg" in page

    def test_with_the_same_values_is_none(self, coordinator: Reader, url: str, saved: FormEntry) -> None:
        typed = {"systolic": "120", "diastolic": "80", "pulse": "70"}
        assert "is what is saved already" in coordinator.send(url, boxes(typed))

    def test_whose_draft_cannot_be_kept_comes_back_as_typed(
        self, coordinator: Reader, url: str, saved: FormEntry, settings: LazySettings
    ) -> None:
        settings.TRIALMGR_CONTACT_KEY = ""
        page = coordinator.post(url, boxes({"systolic": "143"}) | {"revision": "none"}, 422)
        assert "Somebody else saved this form in the meantime" in page
        assert "TRIALMGR_CONTACT_KEY" in page
        assert is_in_box(page, "systolic", "143")

    def test_between_two_windows_of_one_person(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "143", "pulse": "70"})
        keep(coordinator, draft_url(url), {"systolic": "134", "diastolic": "80"}, slot=OTHER)
        page = coordinator.get(url)
        assert "<strong>143 mmHg</strong> – typed by you" in page
        assert "<strong>134 mmHg</strong> – typed by you" in page
        assert "pick.pulse" not in page  # typed in one of them alone
        sent = {"revision": "0", "draft_taken": f"{SLOT}:1 {OTHER}:1", "pick.systolic": f"{SLOT}:1"}
        page = coordinator.send(f"{draft_url(url)}choose/", sent)
        assert all(is_in_box(page, *typed) for typed in (("systolic", "143"), ("pulse", "70"), ("diastolic", "80")))
        assert Draft.objects.count() == 1

    def test_is_discarded_whole(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), {"systolic": "143"})
        keep(coordinator, draft_url(url), {"systolic": "134"}, slot=OTHER)
        coordinator.send(f"{draft_url(url)}discard/", {"draft_taken": f"{SLOT}:1 {OTHER}:1"})
        assert not Draft.objects.exists()

    def test_with_a_reason_for_no_value_says_it_in_words(
        self, coordinator: Reader, url: str, visit: Visit, cast: Cast
    ) -> None:
        by = cast.at("UMCG", Role.INVESTIGATOR)
        save_entry(by=by, visit=visit, form_key="vital_signs", values={}, missing={"pulse": "refused"})
        page = coordinator.send(url, boxes({"pulse": "70"}, draft_slot=SLOT))
        assert "<strong>Participant declined</strong>" in page
        sent = {"revision": "1", "draft_taken": f"{SLOT}:1", "pick.pulse": "saved"}
        assert "stays as it was saved" in coordinator.send(f"{draft_url(url)}choose/", sent)

    def test_with_a_form_that_was_taken_out(self, coordinator: Reader, url: str, saved: FormEntry, cast: Cast) -> None:
        keep(coordinator, draft_url(url), {"systolic": "143", "diastolic": "80", "pulse": "70"}, revision=1)
        remove_entry(by=cast.at("UMCG", Role.INVESTIGATOR), entry=saved, reason="of somebody else")
        page = coordinator.get(url)
        assert "<strong>no value</strong> – saved by Investigator UMCG on" in page
        assert "<strong>143 mmHg</strong>" in page

    def test_is_none_where_what_was_typed_since_touches_nothing_else(
        self, coordinator: Reader, url: str, saved: FormEntry
    ) -> None:
        keep(coordinator, draft_url(url), dict(saved.data), revision=1, reason_text="why")
        keep(coordinator, draft_url(url), saved.data | {"weight_kg": "80.1"}, revision=1, slot=OTHER)
        page = coordinator.client.get(url, follow=True).content.decode()
        assert is_in_box(page, "weight_kg", "80.1")
        assert "why</textarea>" in page
        assert Draft.objects.count() == 1

    def test_shows_what_was_not_touched_as_it_was_when_one_began(
        self, coordinator: Reader, url: str, saved: FormEntry
    ) -> None:
        page = coordinator.send(url, boxes({"systolic": "143", "diastolic": "80"}, draft_slot=SLOT))
        assert "<strong>no value</strong> – as it was when you began" in page


class TestAnotherVersion:
    @pytest.fixture
    def visit(self, coordinator: Reader, cast: Cast, reset_trd: StudyDefinition) -> Visit:
        """Of today, so that it follows what is put in force now."""
        by = coordinator.user
        participant = register_participant(by=by, site=cast.sites["UMCG"], on=today())
        version = reset_trd.consents[-1].key
        record_consent(by=by, participant=participant, version=version, given_on=today())
        return set_visit_day(by=by, visit=walk.visit_of(participant, "screening"), on=today())

    def test_puts_each_answer_by_key_and_shows_the_author_what_has_no_place(
        self, coordinator: Reader, url: str, reset_trd: StudyDefinition
    ) -> None:
        keep(coordinator, draft_url(url), TYPED | {"pulse": "70"})

        def without_pulse(form: dict[str, Any]) -> dict[str, Any]:
            items(form)[:] = [item for item in items(form) if item["key"] != "pulse"] + [new_item("rate")]
            return form

        put_in_force(amended(reset_trd, vital_signs=without_pulse))
        page = coordinator.get(url)
        assert is_in_box(page, "systolic", "143")
        assert "These answers have no place on this form any more" in page
        assert "<li>Pulse: 70 /min</li>" in page

    def test_with_another_code_list_shows_a_code_that_is_no_more(
        self, coordinator: Reader, visit: Visit, reset_trd: StudyDefinition
    ) -> None:
        url = form_url(visit, "demographics")
        codes = {item.key: item.codelist for item in reset_trd.form("demographics").items if item.codelist}
        key, name = next(iter(codes.items()))
        code = reset_trd.codelist(name).items[-1]
        keep(coordinator, draft_url(url), {key: code.code})
        document = reset_trd.model_dump(mode="json") | {"version": "9.9.9"}
        for codelist in document["codelists"]:
            if codelist["key"] == name:
                codelist["items"].pop()
        put_in_force(StudyDefinition.from_json(document))
        assert f": {code.label('en')}</li>" in coordinator.get(url)


class TestDying:
    def expired(self) -> LedgerEntry:
        assert not Draft.objects.exists()
        return LedgerEntry.objects.get(action="draft.expired")

    def test_after_a_week_with_a_line_that_holds_no_value(
        self, coordinator: Reader, url: str, visit: Visit, cast: Cast, capsys: pytest.CaptureFixture[str]
    ) -> None:
        keep(coordinator, draft_url(url), TYPED)
        call_command("casebook", "drafts")
        assert "0 drafts" in capsys.readouterr().out
        Draft.objects.update(typed_at=timezone.now() - datetime.timedelta(days=7, minutes=1))
        assert "did not save" not in coordinator.get(url)
        call_command("casebook", "drafts")
        line = self.expired()
        assert (line.actor, line.object_id) == ("system", f"{visit.participant.number}/screening/vital_signs/1")
        assert line.detail["author"] == coordinator.user.username
        assert (line.old, line.new, line.item) == (None, None, "")
        assert "143" not in json.dumps(line.detail)

    def test_after_a_week_is_seen_to_by_whoever_types_next(
        self, coordinator: Reader, investigator: Reader, url: str
    ) -> None:
        keep(coordinator, draft_url(url), TYPED)
        Draft.objects.update(typed_at=timezone.now() - datetime.timedelta(days=8))
        keep(investigator, draft_url(url), TYPED)
        assert Draft.objects.get().author == investigator.user

    def test_with_the_role(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        end_role(by=SYSTEM, membership=coordinator.user.memberships.get(), reason="left")
        assert self.expired().detail["author"] == coordinator.user.username

    def test_with_the_account(self, coordinator: Reader, url: str) -> None:
        keep(coordinator, draft_url(url), TYPED)
        deactivate_user(by=SYSTEM, user=coordinator.user, reason="left")
        self.expired()

    def test_with_the_blinding(self, signed_in: SignedIn, cast: Cast, visit: Visit) -> None:
        rater = Reader(signed_in, cast, Role.RATER)
        keep(rater, draft_url(form_url(visit, "madrs")), {"madrs_1": "3"})
        note_unblinding(by=rater.user, reason="emergency")
        self.expired()

    def test_with_the_site(self, coordinator: Reader, url: str, visit: Visit, cast: Cast) -> None:
        keep(coordinator, draft_url(url), TYPED)
        site = Site.objects.get(code="LUMC")
        by = cast.people[(Role.DATA_MANAGER, "")]
        move_participant(by=by, participant=visit.participant, site=site, reason="lives there")
        coordinator.get(url, 404)
        assert expire_dead_drafts() == 1
        self.expired()

    def test_with_the_sight(self, signed_in: SignedIn, cast: Cast, visit: Visit, reset_trd: StudyDefinition) -> None:
        """An amendment gives the form to others."""
        rater = Reader(signed_in, cast, Role.RATER)
        url = form_url(visit, "madrs")
        keep(rater, draft_url(url), {"madrs_1": "3"})
        put_in_force(amended(reset_trd, madrs=lambda form: form | {"entered_by": ["coordinator"]}))
        assert expire_dead_drafts() == 1
        self.expired()

    def test_of_a_revealing_form_leaves_a_line_for_the_unblinded(self, signed_in: SignedIn, cast: Cast) -> None:
        participant = walk.randomised(cast, arm="esketamine")
        session = walk.came(cast, participant, "session_esk-1")
        team = Reader(signed_in, cast, Role.TREATING_TEAM)
        keep(team, draft_url(form_url(session, "session_esketamine")), {"dose_mg": "40"})
        end_role(by=SYSTEM, membership=team.user.memberships.get(), reason="left")
        assert self.expired().restricted


class TestTheKey:
    def test_is_the_authors_own_and_the_same_each_time(self, coordinator: Reader, investigator: Reader) -> None:
        mine, again, other = (
            json.loads(reader.get("/drafts/key/")) for reader in (coordinator, coordinator, investigator)
        )
        assert (mine["key"], mine["who"]) == (again["key"], again["who"])
        assert mine["key"] != other["key"]
        assert mine["who"] != other["who"]
        assert len(base64.b64decode(mine["key"])) == 32

    def test_is_kept_by_no_cache_and_given_to_no_stranger(self, coordinator: Reader) -> None:
        assert "no-store" in coordinator.client.get("/drafts/key/")["Cache-Control"]
        assert Client().get("/drafts/key/").status_code == 302

    def test_of_one_draft_opens_no_other(self, coordinator: Reader, url: str) -> None:
        """What is encrypted is bound to its author and place."""
        keep(coordinator, draft_url(url), TYPED)
        keep(coordinator, draft_url(url), {"systolic": "99"}, slot=OTHER)
        mine = Draft.objects.get(slot=SLOT)
        Draft.objects.filter(slot=OTHER).update(sealed=mine.sealed)
        with pytest.raises(InvalidTag):
            coordinator.get(url)


def test_a_draft_names_itself(coordinator: Reader, url: str, visit: Visit) -> None:
    keep(coordinator, draft_url(url), TYPED)
    assert str(Draft.objects.get()) == f"{coordinator.user} {visit} vital_signs 1"
