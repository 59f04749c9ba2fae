"""The same person twice: found across sites by keyed hashes, told to nobody more than they may know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.acts import ActionRefused, OutsideAction
from audit.models import LedgerEntry
from tests import walk
from tests.audit.recipes import again, the
from tests.audit.staging import deed, lock_the_study
from tests.crf.pages import Reader, casebook_url
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.participants import contact
from trialmgr.participants.actions import end_participation, erase_contact, save_contact
from trialmgr.participants.models import DifferentPerson, IdentityMark, Participant
from trialmgr.participants.policies import SamePerson, same_person
from trialmgr.participants.queries import seen_twice
from trialmgr.people.permissions import Role
from trialmgr.studies.clock import today

pytestmark = pytest.mark.on_both  # keyed hashes are compared by the database

JANSJE = {"name": "Jansje Voorbeeld", "born_on": "1957-03-02", "email": "jansje@example.org", "telephone": "0612345678"}


@pytest.fixture
def first(cast: Cast) -> Participant:
    """In screening at the one site, with contact details."""
    participant = walk.registered(cast, "LUMC")
    keep(cast, participant, JANSJE)
    return participant


def keep(cast: Cast, participant: Participant, details: dict[str, str], other_person: str = "") -> None:
    coordinator = cast.at(participant.site.code, Role.COORDINATOR)
    save_contact(by=coordinator, participant=participant, details=details, other_person=other_person)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Łukasz Żak", "Lukasz Zak"),
        ("Søren Ærø", "Soren Aero"),
        ("Jürgen Müller", "Mueller, Juergen"),
        ("Đorđe", "Dorde"),
        ("Strauß", "Strauss"),
    ],
)
def test_a_name_is_the_same_however_its_letters_are_spelled(one: str, other: str) -> None:
    marks = [contact.identity_marks({"name": name, "born_on": "1957-03-02"}) for name in (one, other)]
    assert marks[0]["spelling"] == marks[1]["spelling"]
    assert marks[0]["spelling"] != contact.identity_marks({"name": "Jan", "born_on": "1957-03-02"})["spelling"]


@pytest.mark.parametrize(
    "details",
    [
        {"email": "JANSJE@example.org "},
        {"telephone": "+31 6 1234 5678"},
        {"telephone": "0031-612345678"},
        {"name": "Voorbeeld, Jansjé", "born_on": "1957-03-02"},
    ],
)
def test_the_same_detail_at_another_site_is_refused_without_saying_where(
    cast: Cast, first: Participant, details: dict[str, str]
) -> None:
    with pytest.raises(SamePerson, match=r"another site|ander centrum") as refused:
        keep(cast, walk.registered(cast), details)
    assert first.number not in str(refused.value)


@pytest.mark.parametrize(
    "details",
    [
        {"name": "Jansje Voorbeeld"},
        {"name": "Jansje Voorbeeld", "born_on": "1958-03-02"},
        {"telephone": "12345678"},
        {"email": ""},
        {},
    ],
)
def test_a_name_alone_a_short_number_or_nothing_is_nobody(
    cast: Cast, first: Participant, details: dict[str, str]
) -> None:
    second = walk.registered(cast)
    keep(cast, second, details)
    assert same_person(second) == []


def test_at_the_own_site_the_other_number_is_named(cast: Cast, first: Participant) -> None:
    with pytest.raises(SamePerson, match=first.number):
        keep(cast, walk.registered(cast, "LUMC"), {"email": JANSJE["email"]})


def test_a_reason_lets_two_people_with_one_telephone_in_and_stands_in_the_trail(cast: Cast, first: Participant) -> None:
    second = walk.registered(cast)
    keep(cast, second, {"telephone": JANSJE["telephone"]}, other_person="a couple with one telephone")
    assert same_person(second) == same_person(first) == []
    assert seen_twice([first, second]) == set()
    line = LedgerEntry.objects.get(item="different_person")
    assert (line.participant, line.reason) == (second.number, "a couple with one telephone")
    assert first.number not in f"{line.new}{line.detail}", "their site reads this entry"
    told = DifferentPerson.objects.get()
    assert str(told) == f"{second.number} {first.number}"
    keep(cast, second, {"telephone": JANSJE["telephone"], "name": "Piet Voorbeeld"})
    with pytest.raises(SamePerson):
        keep(cast, walk.registered(cast), {"telephone": JANSJE["telephone"]})


def test_who_failed_screening_may_be_screened_again(cast: Cast, first: Participant) -> None:
    end_participation(
        by=cast.at("LUMC", Role.COORDINATOR),
        participant=first,
        transition="participant.failed_screening",
        on=today(),
    )
    second = walk.registered(cast)
    keep(cast, second, JANSJE)
    assert same_person(second) == []
    assert seen_twice([second]) == set()


def test_marks_follow_the_details_and_say_nothing_of_them(cast: Cast, first: Participant) -> None:
    kinds = {mark.kind for mark in IdentityMark.objects.filter(participant=first)}
    assert kinds == {"person", "spelling", "email", "telephone"}
    assert str(IdentityMark.objects.filter(participant=first, kind="email").get()) == f"{first.number} email"
    keep(cast, first, {"email": "other@example.org"})
    assert [mark.kind for mark in IdentityMark.objects.filter(participant=first)] == ["email"]
    keep(cast, walk.registered(cast), JANSJE)


def test_another_key_gives_other_marks(settings: object, first: Participant) -> None:
    marks = contact.identity_marks(JANSJE)
    settings.TRIALMGR_CONTACT_KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="  # type: ignore[attr-defined]
    assert not set(marks.values()) & set(contact.identity_marks(JANSJE).values())


def test_a_mark_too_is_written_within_an_act_only(first: Participant) -> None:
    with pytest.raises(OutsideAction):
        IdentityMark(participant=first, kind="other", mark="0").save()


class TestErasure:
    def test_before_randomisation_the_marks_go_with_the_details(self, cast: Cast, first: Participant) -> None:
        erase_contact(by=cast.at("LUMC", Role.COORDINATOR), participant=first, reason="asked for")
        assert not IdentityMark.objects.exists()

    def test_of_somebody_randomised_they_stay_until_the_study_is_locked(self, cast: Cast) -> None:
        participant = walk.randomised(cast)
        keep(cast, participant, JANSJE)
        erase_contact(by=the(cast, Role.COORDINATOR), participant=again(participant), reason="asked for")
        with pytest.raises(SamePerson):
            keep(cast, walk.registered(cast, "LUMC"), JANSJE)
        lock_the_study()
        erase_contact(by=the(cast, Role.COORDINATOR), participant=again(participant), reason="the end")
        assert not IdentityMark.objects.exists()


def test_the_page_asks_how_it_is_known_that_this_is_another_person(
    cast: Cast, first: Participant, signed_in: Callable[..., Client]
) -> None:
    second = walk.registered(cast)
    coordinator = Reader(signed_in, cast, Role.COORDINATOR)
    url = f"{casebook_url(second)}contact/"
    question = "How do you know that this is another person?"
    assert question not in coordinator.get(url)
    born = {"born_on_day": "2", "born_on_month": "3", "born_on_year": "1957"}
    sent = {"name": "Jansje Voorbeeld", **born, "email": "", "telephone": ""}
    assert question not in coordinator.post(url, sent | {"email": "no address"}, 422)
    page = coordinator.post(url, sent, 422)
    assert question in page
    assert "at another site" in page
    assert first.number not in page
    assert "Jansje Voorbeeld" in page
    assert question in coordinator.post(url, sent | {"other_person": "", "email": "no address"}, 422)
    assert "are saved" in coordinator.send(url, sent | {"other_person": "seen both passports"})
    assert question not in coordinator.get(url)


def test_two_who_were_saved_at_the_same_moment_are_found_when_the_page_is_opened(
    cast: Cast, first: Participant, signed_in: Callable[..., Client]
) -> None:
    second = walk.registered(cast)
    mark = contact.identity_marks(JANSJE)["email"]
    deed(IdentityMark(participant=second, kind="email", mark=mark).save)
    assert same_person(second) == [first]
    assert seen_twice([second]) == {first.pk, second.pk}
    page = Reader(signed_in, cast, Role.COORDINATOR).get(f"{casebook_url(second)}contact/")
    assert "How do you know that this is another person?" in page


@given(st.text(max_size=40), st.text(max_size=20))
def test_whatever_is_typed_a_mark_is_a_hash_or_nothing(name: str, telephone: str) -> None:
    marks = contact.identity_marks({"name": name, "born_on": "1957-03-02", "telephone": telephone})
    assert set(marks) <= {"person", "spelling", "telephone"}
    assert all(len(mark) == 64 and int(mark, 16) >= 0 for mark in marks.values())


def test_the_refusal_is_an_ordinary_one_for_whoever_does_not_know_it() -> None:
    assert issubclass(SamePerson, ActionRefused)
