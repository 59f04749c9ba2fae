"""One person at a browser of their own, and what is asked of every page they look at.

A page must pass axe-core at WCAG 2.2 AA in Dutch and in English, on a desk, a tablet, a telephone and on paper, hide
nothing beyond an edge, and leave no complaint in the browser's console.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.urls import resolve
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, FloatRect, Page, ViewportSize

from tests.journeys import screens
from tests.sizes import FULL

AXE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OTHER = {"nl": "en", "en": "nl"}
WIDE: ViewportSize = {"width": 1280, "height": 800}
TABLET: ViewportSize = {"width": 820, "height": 1180}
PHONE: ViewportSize = {"width": 390, "height": 844}
SETTINGS: dict[str, Any] = {"viewport": WIDE, "reduced_motion": "reduce", "locale": "nl-NL"}
NARROW: ViewportSize = {"width": 360, "height": 740}
_EVERY_WIDTH, _IN_ONE_LANGUAGE, _IN_THE_OTHER = (PHONE, TABLET, WIDE), (WIDE,), (PHONE,)
_LOOKED_AT: set[tuple[str, str]] = set()
"""Kinds of pages that were opened in a language beside the one of their reader."""


@dataclass
class Looks:
    """What all journeys together have looked at: addresses, and names of screens."""

    paths: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    walked: set[str] = field(default_factory=set)

    def keep(self, path: Path) -> None:
        path.write_text(json.dumps({name: sorted(seen) for name, seen in asdict(self).items()}), "utf-8")

    @classmethod
    def kept(cls, path: Path) -> Looks:
        return cls(**{name: set(seen) for name, seen in json.loads(path.read_text("utf-8")).items()})

    @classmethod
    def together(cls, parts: Sequence[Looks]) -> Looks:
        pictures = Counter(name for part in parts for name in part.names)
        assert not (twice := [name for name, times in pictures.items() if times > 1]), f"two pictures called {twice}"
        paths = {path for part in parts for path in part.paths}
        return cls(paths, set(pictures), {nodeid for part in parts for nodeid in part.walked})


class Reader:
    """A person, or a stranger, at a browser. ``met``: every page they were shown, if it is to be kept."""

    def __init__(self, browser: Browser, address: str, looks: Looks, language: str, *, scripts: bool = True) -> None:
        self.address, self.looks, self.language = address, looks, language
        self.scripts = scripts
        self.context = self._opened(browser)
        self.context.set_default_timeout(20_000)
        self.speak(language)
        self.complaints: list[str] = []
        self.met: list[str] | None = None
        self.page = self._tab()
        self._other_tab: Page | None = None

    def _opened(self, browser: Browser) -> BrowserContext:
        return browser.new_context(base_url=self.address, java_script_enabled=self.scripts, **SETTINGS)

    def _tab(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        # A refused form answers 422 by design, a page that is not for this person 403, and the browser says so.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(f"{message.location.get('url')}: {message.text}")

    def speak(self, language: str) -> None:
        self.context.add_cookies([{"name": "django_language", "value": language, "url": self.address}])

    # --- moving about ---------------------------------------------------------------------------------------------

    def open(self, path: str, *, status: int = 200) -> None:
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == status, (path, answer.status, self.text())
        self._note(self.page)

    def press(self, name: str) -> None:
        with self._moved():
            self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name: str | re.Pattern[str]) -> None:
        with self._moved():
            self.page.get_by_role("link", name=name).first.click()

    def unfold(self, name: str) -> None:
        """Open what is folded away under these words."""
        self.page.locator("summary", has_text=name).first.click()

    @contextmanager
    def _moved(self) -> Iterator[None]:
        with self.page.expect_navigation():
            yield
        self._note(self.page)

    def _note(self, page: Page) -> None:
        if self.met is not None:
            self.met.append(page.content())

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def text(self) -> str:
        """What the page says below its header."""
        return self.page.locator("main").inner_text()

    def reads(self, *sentences: str) -> None:
        """Every one of these stands on the page."""
        text = self.text()
        assert not [one for one in sentences if one not in text], (sentences, text)

    # --- looking closely ------------------------------------------------------------------------------------------

    def look(self, name: str = "", *, answered: bool = False) -> None:
        """Hold this page against the rules, in both languages; keep its picture under ``name``.

        Every day on a wide screen in one language and, once for each kind of page, on a telephone in the other; at full
        size each time in both languages at each width and on paper.

        ``answered``: the page answers something that was sent, so it cannot be opened again in the other language.
        """
        self._held(self.page, self.language, name)
        kind = (resolve(self.path).view_name, OTHER[self.language])
        if not answered and (FULL or kind not in _LOOKED_AT):
            _LOOKED_AT.add(kind)
            tab = self._other_tab = self._other_tab or self._tab()
            self.speak(OTHER[self.language])
            tab.goto(self.page.url)
            self.speak(self.language)
            self._note(tab)
            self._held(tab, OTHER[self.language], "")
            self.page.bring_to_front()  # a browser is slow in a tab that nobody sees

    def _held(self, page: Page, language: str, name: str) -> None:
        self.looks.paths.add(urlsplit(page.url).path)
        where = f"{page.url} in {language}"
        assert page.locator("html").get_attribute("lang") == language, where
        page.evaluate(_LET_GO, True)
        own = page is self.page
        for width in (NARROW, PHONE, TABLET, WIDE):
            page.set_viewport_size(width)
            wide = page.evaluate(_WIDER_THAN_THE_SCREEN)
            assert not wide, f"{where}: wider than {width['width']} pixels: {wide}"
            if width in (_EVERY_WIDTH if FULL else _IN_ONE_LANGUAGE if own else _IN_THE_OTHER):
                assert not (faults := _faults(page)), f"{where}, {width['width']}: {json.dumps(faults, indent=1)}"
        if FULL:
            page.emulate_media(media="print")
            assert not (faults := _faults(page)), f"{where}, printed: {json.dumps(faults, indent=1)}"
        page.emulate_media(media="screen")
        assert not self.complaints, f"{where}: {self.complaints}"
        if name:
            self._keep(page, name)
        page.evaluate(_LET_GO, False)

    def fits(self, width: int, height: int) -> int:
        """At this size nothing lies beyond an edge, scrolled or not, and axe finds nothing; how high the page is."""
        self.page.set_viewport_size({"width": width, "height": height})
        where = f"{self.page.url} at {width}"
        assert not (hidden := self.page.evaluate(_BEYOND_AN_EDGE)), f"{where}: {hidden}"
        assert not (faults := _faults(self.page)), f"{where}: {json.dumps(faults, indent=1)}"
        return int(self.page.evaluate("document.documentElement.scrollHeight"))

    def _keep(self, page: Page, name: str) -> None:
        path = screens.path_of(name)
        assert name not in self.looks.names, f"two pictures called {name}"
        self.looks.names.add(name)
        if screens.is_wanted(name):
            whole = int(page.evaluate("document.documentElement.scrollHeight"))
            for height in screens.HEIGHTS:
                clip: FloatRect = {"x": 0, "y": 0, "width": WIDE["width"], "height": min(height, whole)}
                taken = page.screenshot(full_page=True, clip=clip, animations="disabled")
                if len(taken) <= screens.MOST_BYTES:
                    break
            path.write_bytes(taken)


_WIDER_THAN_THE_SCREEN = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return Array.from(document.querySelectorAll("body *"))
    .filter((one) => one.getBoundingClientRect().right > width + 1 && !one.closest(".tm-table-scroll"))
    .map((one) => one.outerHTML.slice(0, 120)).slice(0, 3).concat(["scrolls sideways"]);
}"""
# What stays in sight lies over what can be scrolled from under it; axe and a picture of the whole page do not scroll.
_LET_GO = """(free) => document.querySelectorAll(".tm-foot").forEach((foot) => {
  foot.style.position = free ? "static" : "";
})"""
_BEYOND_AN_EDGE = """() => Array.from(document.querySelectorAll("html, .tm-table-scroll"))
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML.slice(0, 120))"""
# Nobody presses paper.
_AXE = """async (tags) => {
  const rules = { "target-size": { enabled: !matchMedia("print").matches } };
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, rules, resultTypes: ["violations"] });
  return found.violations.map((one) => ({
    rule: one.id, help: one.help, nodes: one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 4),
  }));
}"""


_AXE_ITSELF = AXE.read_text("utf-8")


def _faults(page: Page) -> list[dict[str, object]]:
    """What axe-core holds against the page as it stands. It is not served with the page, whose CSP would refuse it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE_ITSELF)
    found: list[dict[str, object]] = page.evaluate(_AXE, TAGS)
    return found
