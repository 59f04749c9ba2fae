"""The lock files pin every package by version and hash, and say nothing of where packages come from."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.house.tree import ROOT

PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+) \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")
LOCKS = [ROOT / "requirements/base.txt", ROOT / "requirements/dev.txt"]
LISTS = [*LOCKS, ROOT / "requirements/base.in", ROOT / "requirements/dev.in"]


def statements(text: str) -> list[str]:
    """The lines that pip acts on."""
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def unexpected_lines(text: str) -> list[str]:
    return [line for line in statements(text) if not PINNED.match(line) and not HASH.match(line)]


def unhashed(text: str) -> list[str]:
    """Pinned packages that no hash follows."""
    lines = [*statements(text), ""]
    return [line for line, after in pairwise(lines) if PINNED.match(line) and not HASH.match(after)]


def addresses(text: str) -> list[str]:
    """Lines with an option or address that says where packages come from."""
    options = re.compile(r"^\s*(?:-i|-f|--(?:extra-)?index-url|--find-links|--trusted-host)\b|\w+://")
    return [line for line in text.splitlines() if options.search(line)]


def versions(path: Path) -> dict[str, str]:
    found = (PINNED.match(line) for line in path.read_text("utf-8").splitlines())
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_and_followed_by_a_hash(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert len(versions(lock)) > 20
    assert unexpected_lines(text) == []
    assert unhashed(text) == []


@pytest.mark.parametrize("listed", LISTS, ids=lambda path: path.name)
def test_no_list_says_where_packages_come_from(listed: Path) -> None:
    assert addresses(listed.read_text("utf-8")) == []


def test_the_two_locks_agree_so_that_dev_contains_base() -> None:
    base, dev = (versions(lock) for lock in LOCKS)
    assert {name: version for name, version in base.items() if dev.get(name) != version} == {}


def test_every_wanted_package_is_locked() -> None:
    for lock in LOCKS:
        wanted = re.findall(r"^([A-Za-z0-9.-]+)", lock.with_suffix(".in").read_text("utf-8"), re.MULTILINE)
        locked = versions(lock)
        names = {name.lower().replace(".", "-") for name in wanted if not name.startswith("-")}
        assert names - locked.keys() == set(), lock.name


def test_the_checks_find_a_loose_version_a_missing_hash_and_an_address() -> None:
    source = "--index-url https" + "://example.org/simple"
    bad = f"{source}\nloose>=1\npinned==1.0 \\\nother==2.0 \\\n    --hash=sha256:{'0' * 64}\n"
    assert unexpected_lines(bad) == [source, "loose>=1"]
    assert unhashed(bad) == ["pinned==1.0 \\"]
    assert addresses(bad) == [source]
