"""A test stands alone: the files come in a random order, and so do the tests within each, by a seed that repeats it.

Ours and no library's: the one in use also reseeds every generator before each test, which would hide a test that
leans on chance. A file's tests stay together, because they share what is costly to make.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from random import Random

import pytest
from xdist.workermanage import WorkerController

AS_WRITTEN = 0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--order-seed",
        type=int,
        metavar="N",
        help=f"seed of the random order of the tests, drawn when left out; {AS_WRITTEN}: as they are written",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.order_seed is None:
        told = getattr(config, "workerinput", {})  # in a process that runs a share of the tests
        config.option.order_seed = told.get("order_seed") or secrets.randbelow(10**6) + 1


def pytest_configure_node(node: WorkerController) -> None:
    """Processes that share the tests must come to the same order, so they are told the seed."""
    node.workerinput["order_seed"] = node.config.option.order_seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"order of the tests: --order-seed={terminalreporter.config.option.order_seed}")


def shuffled(items: Sequence[pytest.Item], seed: int) -> list[pytest.Item]:
    """Files in a random order, the tests within each too; those that look back on a whole run stay last."""
    chance, files = Random(seed), defaultdict(list)  # noqa: S311  nothing is kept secret by it
    for item in items:
        files[item.path].append(item)
    paths = sorted(files)
    chance.shuffle(paths)
    for path in paths:
        chance.shuffle(files[path])
    return sorted((item for path in paths for item in files[path]), key=_looks_back)


def _looks_back(item: pytest.Item) -> bool:
    return "every_journey" in getattr(item, "fixturenames", ())
