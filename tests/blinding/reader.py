"""A person who reads everything: follows every link from the first page, and guesses every other address."""

from __future__ import annotations

import hashlib
import html
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urljoin, urlsplit

from django.conf import settings
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse

from tests.addresses import Address, addresses
from tests.printing.reading import text_of
from tests.sizes import FULL, size
from trialmgr.people.models import User
from trialmgr.people.permissions import Role
from trialmgr.protocol.model import StudyDefinition, VisitDefinition

_LINK = re.compile(r"""(?:href|src|action|hx-get|data-[a-z-]*url)\s*=\s*["']([^"'#]*)""")
_JSON_LINK = re.compile(r'"((?:https?://testserver)?/[^"\s]*)"')
# What differs between two askings by one person although nothing else does.
_TOKENS = [
    (re.compile(r'(name="csrfmiddlewaretoken" value="|"csrf": ")[^"]*'), r"\1-"),
    (re.compile(r'(name="draft_slot" value="|[?&]draft=)[0-9a-f]{16}'), r"\1-"),
    (re.compile(r'(?<=[" ])[0-9a-f]{16}(?=:\d+[" ])'), "-"),  # a draft at its turn
    (re.compile(r"(DTSTAMP:)\d{8}T\d{6}Z"), r"\1-"),  # when a calendar file was made
    (re.compile(r'(csrftoken|X-CSRFToken)(["\']?\s*[:=]\s*["\'])[A-Za-z0-9]+', re.I), r"\1\2-"),
]
BLINDED = (Role.RATER, Role.STATISTICIAN, Role.ADMINISTRATOR)

LANGUAGE = "nl"
"""In which addresses are guessed."""

ARMED = size(1, 2)
"""Under a form, and every day under a visit, so many participants, the first, stand for all: at the reader's own site,
one in each arm. Alone, the first is in one arm in one world and in the other arm in the other world."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, without what is random by design (CSRF tokens, names of drafts, values of cookies)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    body: str

    @property
    def whole(self) -> str:
        headers = (f"{name}: {value}" for name, value in self.headers)
        return "\n".join([str(self.status), *headers, f"cookies: {', '.join(self.cookies)}", self.body])


Asked = tuple[str, str, str]
"""Method, language and address of one request."""


@dataclass
class Reader:
    """``answers``: everything this person was ever told. ``crawled``: how many of them links led to."""

    client: Client
    answers: dict[Asked, Answer] = field(default_factory=dict)
    crawled: int = 0

    @classmethod
    def signed_in(cls, user: User) -> Reader:
        client = Client(raise_request_exception=False)
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return cls(client)

    def ask(self, method: str, url: str, language: str = LANGUAGE) -> Answer:
        call = getattr(self.client, method)
        answer = plain(call(url, headers={"Accept-Language": language}))
        self.answers[(method, language, url)] = answer
        return answer

    def crawl(self, start: Iterable[str], language: str) -> None:
        """Every page that links, forms and addresses in answers lead to."""
        waiting, seen = list(start), set(start)
        while waiting:
            url = waiting.pop(0)
            answer = self.ask("get", url, language)
            self.crawled += 1
            found = [one for one in _links(url, answer) if one not in seen]
            seen.update(found)
            waiting += found

    def guess(self, guessed: Mapping[str, Iterable[str]]) -> None:
        """Every guess by address; an address that knows no GET is left after its first."""
        for urls in guessed.values():
            for url in urls:
                known = self.answers.get(("get", LANGUAGE, url))
                if (known or self.ask("get", url)).status == 405:
                    break

    def press(self, guessed: Mapping[str, Iterable[str]]) -> None:
        """An empty POST to every guess, each time as if nothing had been sent before; accounts are left alone."""
        for url in itertools.chain.from_iterable(urls for name, urls in guessed.items() if ":" in name):
            before = transaction.savepoint()
            self.ask("post", url)
            transaction.savepoint_rollback(before)


def plain(answer: HttpResponseBase) -> Answer:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    body = paper_of(content) if answer.get("Content-Type") == "application/pdf" else content.decode("utf-8", "replace")
    for pattern, instead in _TOKENS:
        body = pattern.sub(instead, body)
    headers = tuple(sorted((name, value) for name, value in answer.items()))
    cookies = tuple(sorted(answer.cookies))
    return Answer(answer.status_code, headers, cookies, body)


def paper_of(content: bytes) -> str:
    """What a paper says, and the digest of the file: the same paper, made at the same moment, is the same file."""
    return f"{hashlib.sha256(content).hexdigest()}\n{text_of(content)}"


def _links(url: str, answer: Answer) -> Iterator[str]:
    found = _LINK.findall(answer.body) + _JSON_LINK.findall(answer.body)
    found += [value for name, value in answer.headers if name == "Location"]
    for link in dict.fromkeys(found):
        parts = urlsplit(urljoin(f"http://testserver{url}", html.unescape(link)))
        # A week leads to the next without end: one step from this one is far enough.
        if parts.path == reverse("overview:week") and urlsplit(url).query:
            continue
        own = parts.netloc == "testserver" and not parts.path.startswith(f"/{settings.STATIC_URL.strip('/')}")
        if own and parts.path != reverse("account_logout") and "{" not in parts.path:
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def guesses(definition: StudyDefinition, participants: Sequence[str], people: Iterable[str]) -> dict[str, list[str]]:
    """By address: every participant, visit and form of the definition, those of either arm among them.

    Under a form or visit the first ``ARMED`` of ``participants`` stand for all. Each form is asked for where it belongs
    (every day at the first of those visits, drafts not at all) and, at one visit, every form; ``crf:entry`` and
    ``api:entry`` wherever it belongs, and at each visit for one form that reveals the allocation and one that does not.
    """
    places: dict[str, Sequence[object]] = {
        "number": [*participants, "UMCG-999"],
        "phase": [phase.key for phase in definition.phases],
        "username": list(people),
        "code": [site.code for site in definition.sites],
        "version": [consent.key for consent in definition.consents],
        "key": ["forms", "randomise", "answer", "signatures", "ending", "nothing"],
        "figure": ["late", "unverified"],
        "kind": ["query", "form_absent"],
        "token": ["guess"],
        "place": ["trial", "UMCG"],
        "name": ["allocation.csv", "codebook.csv", "session_ect.csv", "manifest.json"],
        "extension": [1],
        "row": [1],
        "n": [1],
        "query": [1],
    }
    return {one.name: list(_guesses(one, definition, places)) for one in addresses()}


def _guesses(address: Address, definition: StudyDefinition, places: Mapping[str, Sequence[object]]) -> Iterator[str]:
    own = [name for name in address.arguments if name not in {"slug", "form", "item"}]
    ranges = [_range(address, name, places[name]) for name in own]
    for chosen in itertools.product(*ranges):
        for slug, form in _visits_and_forms(address, definition):
            values = dict(zip(own, chosen, strict=True)) | {"slug": slug, "form": form, "item": _item(definition, form)}
            yield reverse(address.name, kwargs={name: values[name] for name in address.arguments})


def _range(address: Address, name: str, values: Sequence[object]) -> Sequence[object]:
    if name == "number" and "<int:number>" in address.path:
        return [1, 2, 3]  # of a list, a release or a membership
    below = {"form"} if FULL else {"form", "slug"}
    return values[:ARMED] if name == "number" and below & set(address.arguments) else values


def _slugs(definition: StudyDefinition) -> Iterator[str]:
    """Each visit; of one that returns the first, the last and one too many; and a slug that is none."""
    for visit in definition.visits:
        yield visit.key
        if visit.repeat:
            last = len(visit.occurrences())
            yield from (f"{visit.key}-{ordinal}" for ordinal in (1, last, last + 1))
    yield "nothing"


def _first(visit: VisitDefinition) -> str:
    return f"{visit.key}-1" if visit.repeat else visit.key


def _visits_and_forms(address: Address, definition: StudyDefinition) -> Iterator[tuple[str, str]]:
    if "slug" not in address.arguments:
        yield "", ""
    elif "form" not in address.arguments:
        yield from ((slug, "") for slug in _slugs(definition))
    else:
        yield from _where_it_belongs(address, definition)
        yield from (("baseline", form.key) for form in definition.forms)


def _where_it_belongs(address: Address, definition: StudyDefinition) -> Iterator[tuple[str, str]]:
    places = [(_first(visit), form) for visit in definition.visits for form in visit.forms]
    if address.name in {"crf:entry", "api:entry"}:
        yield from itertools.product(_slugs(definition), _one_of_each(definition))
        yield from places
    elif FULL:
        yield from places
    elif "draft" not in address.name:
        yield from {form: (slug, form) for slug, form in reversed(places)}.values()


def _one_of_each(definition: StudyDefinition) -> list[str]:
    """A form that reveals the allocation and one that does not."""
    return [next(form.key for form in definition.forms if form.reveals_allocation is each) for each in (True, False)]


def _item(definition: StudyDefinition, form: str) -> str:
    return definition.form(form).items[0].key if form else ""


def echo_free(url: str, text: str) -> str:
    """An answer without the address that was asked for: it tells the asker nothing that they did not write."""
    for written in (url, quote(url, safe=""), quote(url), html.escape(url)):
        text = text.replace(written, "")
    return text
