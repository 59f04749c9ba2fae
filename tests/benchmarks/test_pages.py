"""What a person waits for: saving a form of 30 items, and the list of participants as the trial grows."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.benchmarks.browser import Browser, seconds, served
from tests.installation import copied, installation
from tests.sizes import size

pytestmark = [pytest.mark.benchmark, pytest.mark.only_on("sqlite")]
WORKER = ("-m", "tests.benchmarks.worker")
FEW, MANY = 100, size(500, 2000)
ROUNDS = size(9, 15)


def test_the_list_of_participants_opens_as_fast_with_many_as_with_a_hundred(tmp_path: Path) -> None:
    samples: dict[int, list[float]] = {FEW: [], MANY: []}
    queries: dict[int, int] = {}
    browsers: dict[int, Browser] = {}
    with ExitStack() as stack:
        few = stack.enter_context(installation(tmp_path))
        session = few.ask(*WORKER, "populate", str(FEW))["coordinator"]
        many = stack.enter_context(copied(few, tmp_path / "many.sqlite3"))
        many.run(*WORKER, "add", str(MANY - FEW))
        for count, site in {FEW: few, MANY: many}.items():
            queries[count] = site.ask(*WORKER, "queries", "/participants/")["/participants/"]
            browsers[count] = Browser(stack.enter_context(served(site)), session)
        # In turn, so that a busy moment of the machine falls on both alike; the quickest is the least disturbed.
        for _round in range(2 * ROUNDS):
            for count, browser in browsers.items():
                samples[count].append(_once(browser, "/participants/"))
    ratio = min(samples[MANY]) / min(samples[FEW])
    for count in samples:
        print(f"\nlist of {count} participants: {min(samples[count]) * 1000:.0f} ms, {queries[count]} queries", end="")
    print(f"\nratio {ratio:.2f}")
    assert queries[FEW] == queries[MANY]
    assert ratio < 1.5


def test_saving_a_form_of_thirty_items_is_told_beside_a_form_of_ten_and_the_bare_database(tmp_path: Path) -> None:
    with installation(tmp_path) as site:
        people = site.ask(*WORKER, "populate", "1")
        visit = f"/participants/{people['participant']}/visits/baseline"
        with served(site) as port:
            long = _saving(Browser(port, people["coordinator"]), f"{visit}/forms/ids_sr/", "ids", 30)
            short = _saving(Browser(port, people["rater"]), f"{visit}/forms/madrs/", "madrs", 10)
        counted = site.ask(*WORKER, "queries", f"{visit}/forms/ids_sr/")
    floor = _bare_commit(tmp_path, lines=32)
    print(f"\nsaving 30 items {long * 1000:.0f} ms, 10 items {short * 1000:.0f} ms, ratio {long / short:.2f}")
    print(f"bare commit of as many rows {floor * 1000:.1f} ms, ratio {long / floor:.0f}")
    print(f"queries to open the form of 30 items: {next(iter(counted.values()))}")
    # Three times the items must not cost three times the wait.
    assert long / short < 3


def _once(browser: Browser, path: str) -> float:
    begin = time.perf_counter()
    browser.get(path)
    return time.perf_counter() - begin


def _saving(browser: Browser, path: str, prefix: str, items: int) -> float:
    """Every answer changes at every save, so each item is written anew, with its history and its ledger entry."""

    def save(turn: int) -> None:
        page = browser.get(path)
        names = [name for name in _boxes(page) if name.startswith(f"item.{prefix}")]
        assert len(names) >= items, names
        started.append(time.perf_counter())
        browser.post(path, page, {name: str(1 + turn % 2) for name in names} | {"reason_text": "benchmark"})
        ended.append(time.perf_counter())

    started: list[float] = []
    ended: list[float] = []
    for turn in range(ROUNDS):
        save(turn)
    return seconds([end - begin for begin, end in zip(started, ended, strict=True)][2:])


def _boxes(page: str) -> list[str]:
    return sorted({part.split('"', 1)[0] for part in page.split('name="')[1:]})


def _measured(act: Callable[[int], object]) -> float:
    samples = []
    for turn in range(ROUNDS):
        begin = time.perf_counter()
        act(turn)
        samples.append(time.perf_counter() - begin)
    return seconds(samples[2:])


def _bare_commit(folder: Path, *, lines: int) -> float:
    """The floor: as many rows, bare, in one durable transaction of SQLite."""
    database = sqlite3.connect(folder / "floor.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT)")

    def commit(_turn: int) -> None:
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO line (text) VALUES (?)", [("x" * 200,)] * lines)
        database.execute("COMMIT")

    taken = _measured(commit)
    database.close()
    return taken
