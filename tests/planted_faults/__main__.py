"""Plant each fault in a throw-away copy of the checkout and see whether the tests of its room notice.

    python -m tests.planted_faults                   all of them, after the same tests without a fault
    python -m tests.planted_faults --only ID ...     some of them
    python -m tests.planted_faults --jobs 2          two at a time
    python -m tests.planted_faults --at-once         take it that the tests pass without a fault

Exit status 0 when every fault was caught by a test that passes without it; 1 when one was not, or a test fails anyway.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from tests.planted_faults.catalogue import ROOT, Fault, check_python, faults

# What a slip in a running system would not look like: the file could not even be read.
_NO_SLIP = frozenset({"ImportError", "ModuleNotFoundError", "NameError", "SyntaxError", "IndentationError"})


@dataclass(frozen=True)
class Outcome:
    """``by``: the test that failed. ``word``: caught, MISSED, or BROKEN when it failed for another reason."""

    id: str
    word: str
    by: str
    wall: float
    cpu: float


@dataclass
class Plot:
    """One throw-away copy and the process that runs pytest in it."""

    folder: Path
    addresses: dict[str, str]
    runs: int = 0
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-m", "tests.planted_faults.nursery"]
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "TRIALMGR_SECRET_KEY": "planted faults"}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(
        self, tests: Sequence[str], database: str, *options: str, module: str = "", migrates: bool = False
    ) -> dict[str, Any]:
        self.runs += 1
        report, log = (self.folder.with_suffix(f".{self.runs}.{end}") for end in ("json", "log"))
        kept = "" if migrates else str(self.folder.with_suffix(".sqlite3"))
        order = {
            "tests": list(tests),
            "options": list(options),
            "database": self.addresses[database],
            "log": str(log),
            "witness": {"module": module, "report": str(report), "kept": kept},
        }
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: PT018  both are pipes
        print(json.dumps(order), file=self.process.stdin, flush=True)
        outcome: dict[str, Any] = json.loads(self.process.stdout.readline())
        failures = json.loads(report.read_text("utf-8")) if report.is_file() else []
        return {**outcome, "failures": failures, "log": log.read_text("utf-8", errors="replace")}

    @contextlib.contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        path = self.folder / fault.file
        sound, times = path.read_bytes(), path.stat()
        faulty = fault.planted(sound.decode())
        check_python(fault, faulty)
        try:
            path.write_text(faulty, encoding="utf-8")
            yield
        finally:
            path.write_bytes(sound)
            os.utime(path, (times.st_atime, times.st_mtime))

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def copy_checkout(folder: Path) -> None:
    """Every file of ours, as it stands; nothing that git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def judged(fault: Fault, run: dict[str, Any]) -> Outcome:
    first = run["failures"][0] if run["failures"] else {"test": "", "type": "", "when": ""}
    by, word = first["test"], "caught"
    if run["code"] == 0:
        word = "MISSED"
    elif run["code"] != 1 or first["type"] in _NO_SLIP or (first["when"], first["type"]) == ("collect", ""):
        word, by = "BROKEN", f"{first['type']} {by}".strip() or f"exit status {run['code']}"
    return Outcome(fault.id, word, by, run["wall"], run["cpu"])


def plant(plot: Plot, fault: Fault, failing: frozenset[str]) -> Outcome:
    """``failing``: tests that fail without a fault as well, and so catch none."""
    options = ["-x", *(f"--deselect={test}" for test in sorted(failing))]
    with plot.planted(fault):
        run = plot.run(fault.tests, fault.database, *options, module=fault.module, migrates=fault.migrates)
    outcome = judged(fault, run)
    if outcome.word == "BROKEN":
        print(run["log"][-3000:])
    return outcome


def failing_without(plot: Plot, chosen: Sequence[Fault]) -> frozenset[str]:
    """The tests that are to notice the faults are run without one; those that fail even so."""
    failing: set[str] = set()
    for database in sorted({fault.database for fault in chosen}):
        tests = sorted({test for fault in chosen if fault.database == database for test in fault.tests})
        run = plot.run(tests, database)
        if run["code"] not in (0, 1):
            sys.exit(f"{run['log'][-6000:]}\n==> the tests do not run on {database}")
        found = {failure["test"] for failure in run["failures"]}
        print(f"==> {len(tests)} files of tests on {database} without a fault: {len(found)} failed, {run['cpu']:.0f} s")
        print("".join(f"    FAILED {test}\n" for test in sorted(found)), end="", flush=True)
        failing |= found
    return frozenset(failing)


@contextlib.contextmanager
def postgresql(folder: Path, wanted: bool) -> Iterator[str]:
    """Address of a throw-away PostgreSQL, where one is wanted."""
    script, place = str(ROOT / "scripts/postgres.sh"), str(folder / "postgresql")
    if not wanted:
        yield ""
        return
    subprocess.run(["bash", script, "start", place], check=True)
    try:
        yield subprocess.check_output(["bash", script, "url", place], text=True).strip()
    finally:
        subprocess.run(["bash", script, "stop", place], check=True)


def _addresses(folder: Path, server: str, job: int) -> dict[str, str]:
    """Each process of the tests makes a database of its own beside the one named here."""
    return {"sqlite": f"sqlite:///{folder}/{job}.main.sqlite3", "postgresql": server}


def run_all(chosen: Sequence[Fault], jobs: int, at_once: bool) -> int:
    with tempfile.TemporaryDirectory(prefix="planted-faults-") as name, contextlib.ExitStack() as around:
        folder = Path(name)
        folder.chmod(0o711)  # the database server runs as another user and must reach its own folder in it
        server = around.enter_context(postgresql(folder, any(fault.database == "postgresql" for fault in chosen)))
        plots: SimpleQueue[Plot] = SimpleQueue()
        for job in range(jobs):
            (folder / str(job)).mkdir()
            copy_checkout(folder / str(job))
            plots.put(Plot(folder / str(job), _addresses(folder, server, job)))
        failing = _with_plot(plots, lambda plot: failing_without(plot, chosen[:1] if at_once else chosen))
        with ThreadPoolExecutor(jobs) as pool:
            planted = pool.map(lambda fault: _told(_with_plot(plots, lambda plot: plant(plot, fault, failing))), chosen)
            outcomes = list(planted)
        while not plots.empty():
            plots.get().close()
    return summarise(outcomes, failing)


def _with_plot(plots: SimpleQueue[Plot], use: Any) -> Any:
    plot = plots.get()
    try:
        return use(plot)
    finally:
        plots.put(plot)


def _told(outcome: Outcome) -> Outcome:
    print(f"    {outcome.word:7}{outcome.id:48}{outcome.wall:5.0f} s {outcome.cpu:5.1f} s  {outcome.by}", flush=True)
    return outcome


def summarise(outcomes: Sequence[Outcome], failing: frozenset[str]) -> int:
    caught = sum(outcome.word == "caught" for outcome in outcomes)
    used = sum(outcome.cpu for outcome in outcomes)
    print(f"==> {caught} of {len(outcomes)} planted faults were caught; {used:.0f} processor seconds")
    for outcome in outcomes:
        if outcome.word != "caught":
            print(f"    {outcome.word} {outcome.id} {outcome.by}")
    if failing:
        print(f"==> {len(failing)} tests fail without a fault as well")
    return int(caught < len(outcomes) or bool(failing))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.planted_faults", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ID", default=[])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--at-once", action="store_true", help="without a fault, run the tests of the first one alone")
    asked = parser.parse_args()
    known = faults()
    unknown = set(asked.only) - {fault.id for fault in known}
    if unknown:
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    return run_all([fault for fault in known if not asked.only or fault.id in asked.only], asked.jobs, asked.at_once)


def _stop(_signal: int, _frame: object) -> None:
    sys.exit("==> stopped")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that the database is ended as well
    sys.exit(main())
