"""Runs the checks of the house one after the other: checks.py all | full | fast | NAME...

Each step says what it does, how long it took and how much of a processor; small ones that use one run two at a time.
A failing step does not stop the others; the exit code and the summary tell. The last line adds up every test that ran,
and counts each other failing step as one failure.
"""

import base64
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ROOT / "var/checks"
COVERAGE_DATA, LOOKS = CHECKS / "coverage", CHECKS / "looks"
PYTHON = sys.executable
PYTEST = [PYTHON, "-m", "pytest"]
MEASURED = [*PYTEST, "-p", "tests.measuring.plugin"]
BESIDE = "--beside"  # the other database has its own share of the tests, see ``tests/conftest.py``
BY_FILE = ["--dist", "loadfile"]  # tests of one file share what took long to make
QUICK = ["-n", "2", *BY_FILE, "-m", "not journey and not benchmark and not slow", BESIDE]
REPORT = [PYTHON, "-m", "coverage", "report"]
CORE_ROOMS = "trialmgr/protocol/*,audit/*,crf/*,randomization/*,exports/*"
CORE_THRESHOLD = 100
REST_THRESHOLD = 95
STEP_LIMIT = 45 * 60  # seconds; a step that hangs is ended, so that the summary is still printed
NO_TESTS_COLLECTED = 5
PROCESSORS = 2
LONG_AT_ONCE = 3  # one of them waits for a browser, a lock or a killed process at any moment

Environment = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One thing to check: `database` is `sqlite` or `postgresql`, `runs_tests` says whether pytest counts for it.

    `beside`: it leaves a processor waiting and is timed by nobody; so many of its neighbours run at the same moment.
    """

    name: str
    says: str
    command: list[str]
    database: str = "sqlite"
    runs_tests: bool = False
    beside: int = 1
    extra: Environment = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """``seconds`` on the clock; ``processor``: seconds of the step's own processes, the database server's apart."""

    step: Step
    seconds: float
    processor: float
    exit_code: int
    passed: int
    failed: int

    @property
    def failures(self) -> int:
        """Failed tests, or one for a step that failed without any."""
        return self.failed or int(self.exit_code != 0)


def steps() -> list[Step]:
    return [*_still_checks(), *_test_runs(), *_coverage_reports(), *_benchmarks()]


def _still_checks() -> list[Step]:
    """The longest first, so that the rest runs beside it."""
    manage = [PYTHON, "manage.py"]
    return [
        Step("types", "mypy --strict", [PYTHON, "-m", "mypy"], beside=PROCESSORS),
        Step(
            "house",
            "lock files, words and sizes",
            [*PYTEST, "tests/house", "-q"],
            runs_tests=True,
            beside=PROCESSORS,
        ),
        Step("lint", "ruff check", [PYTHON, "-m", "ruff", "check", "."], beside=PROCESSORS),
        Step("format", "ruff format --check", [PYTHON, "-m", "ruff", "format", "--check", "."], beside=PROCESSORS),
        Step(
            "walls",
            "import-linter: rooms import downwards only",
            [_beside_python("lint-imports"), "--no-logo"],
            beside=PROCESSORS,
        ),
        Step(
            "translations",
            "catalogues complete and compiled",
            [PYTHON, "scripts/translations.py", "check"],
            beside=PROCESSORS,
        ),
        Step(
            "migrations",
            "makemigrations --check",
            [*manage, "makemigrations", "--check", "--dry-run"],
            beside=PROCESSORS,
        ),
        Step(
            "deploy",
            "check --deploy with the production settings",
            [*manage, "check", "--deploy", "--fail-level", "WARNING"],
            database="postgresql",
            beside=PROCESSORS,
            extra=_production(),
        ),
    ]


def _test_runs() -> list[Step]:
    """What runs on which database, tests say by their marks: see ``tests/conftest.py``."""
    most = [*QUICK, "--ignore", "tests/house"]
    # What other processes do is not measured, so these are not slowed down by measuring either.
    contract = ["-p", "schemathesis.pytest.plugin"]
    slow = [*PYTEST, *contract, *BY_FILE, "-m", "slow and not journey and not benchmark", BESIDE]
    together = "tests/journeys/test_with_every_page.py"
    journeys = [*PYTEST, "-n", "1", *BY_FILE, "-m", "journey", "--ignore", together, f"--looks={LOOKS}"]
    seen = [*PYTEST, together, f"--looks={LOOKS}"]
    long = partial(Step, runs_tests=True, beside=LONG_AT_ONCE)
    return [
        Step("sqlite", "tests on SQLite, measured", [*MEASURED, *most], runs_tests=True),
        Step("postgresql", "what PostgreSQL may do otherwise", [*MEASURED, *most], "postgresql", runs_tests=True),
        long("slow-sqlite", "load, rehearsals and blinding on SQLite", [*slow, "-n", "2"]),
        long("slow-postgresql", "whole trial, races and load on PostgreSQL", [*slow, "-n", "1"], "postgresql"),
        long("journeys", "whole ways through the pages in Chromium", journeys, "postgresql"),
        Step("every-page", "what the journeys saw together", seen, "postgresql", runs_tests=True),
    ]


def _coverage_reports() -> list[Step]:
    core = [*REPORT, f"--include={CORE_ROOMS}", f"--fail-under={CORE_THRESHOLD}"]
    rest = [*REPORT, f"--omit={CORE_ROOMS}", f"--fail-under={REST_THRESHOLD}"]
    return [
        Step("combine", "coverage of all runs put together", [PYTHON, "-m", "tests.measuring.together"]),
        Step("coverage-core", f"core rooms, branches and templates: {CORE_THRESHOLD} %", core),
        Step("coverage-rest", f"all else: {REST_THRESHOLD} %", rest),
    ]


def _benchmarks() -> list[Step]:
    command = [*PYTEST, "-m", "benchmark", "-s", BESIDE]
    return [
        Step("benchmarks-sqlite", "benchmarks on SQLite", command, runs_tests=True),
        Step("benchmarks-postgresql", "benchmarks on PostgreSQL", command, "postgresql", runs_tests=True),
    ]


def _planted_faults() -> Step:
    command = [PYTHON, "-m", "tests.planted_faults", "--jobs", str(PROCESSORS)]
    return Step("planted-faults", "each is caught by the tests of its room", command)


def _beside_python(program: str) -> str:
    return str(Path(PYTHON).parent / program)


def _key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _production() -> Environment:
    """What a production server would be told, and nothing a demo or a developer would be."""
    return {"ALLOWED_HOSTS": "trial.example.org"}


def _common(*, full: bool) -> Environment:
    """The caller's environment without his own settings of the application, and throw-away secrets instead.

    Some hundred processes read the same modules, so what the first compiles is kept for the others.
    """
    settings = ("TRIALMGR_", "DJANGO_", "DATABASE_URL", "ALLOWED_HOSTS", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return {
        "CHROMIUM": "/usr/bin/chromium",
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "TRIALMGR_SECRET_KEY": secrets.token_urlsafe(64),
        "TRIALMGR_LIST_KEY": _key(),
        "TRIALMGR_CONTACT_KEY": _key(),
        "TRIALMGR_MAIL_HOST": "mail.example.org",
        "TRIALMGR_FULL": str(int(full)),
    }


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Address of a throw-away PostgreSQL, ended afterwards whatever happens."""
    script = str(ROOT / "scripts/postgres.sh")
    place = str(folder / "postgresql")
    try:
        if subprocess.run(["bash", script, "start", place], check=False).returncode:
            sys.exit("==> PostgreSQL did not start; its own words are above. Without it: make test-fast")
        yield subprocess.check_output(["bash", script, "url", place], text=True).strip()
    finally:
        subprocess.run(["bash", script, "stop", place], check=False)


def run(step: Step, environment: Environment) -> Outcome:
    begun = time.monotonic()
    _say(step, f"\n==> {step.name}: {step.says}")
    exit_code, processor, lines = _stream(step, environment | step.extra)
    passed, failed = _count(lines) if step.runs_tests else (0, 0)
    seconds = time.monotonic() - begun
    if exit_code == NO_TESTS_COLLECTED and step.runs_tests:
        lines.append(f"==> {step.name}: no test was found; that counts as a failure\n")
    if step.beside > 1:  # the words of two steps at once would run through one another
        print(f"\n==> {step.name}: {step.says}\n{''.join(lines)}", end="")
    word = "ok" if exit_code == 0 else "FAILED"
    print(f"==> {step.name}: {word} after {seconds:.0f} s, {processor:.0f} s of a processor", flush=True)
    return Outcome(step, seconds, processor, exit_code, passed, failed)


def _say(step: Step, line: str) -> None:
    if step.beside == 1:
        print(line, end="" if line.endswith("\n") else "\n", flush=True)


def _stream(step: Step, environment: Environment) -> tuple[int, float, list[str]]:
    """Runs the command; returns its exit code, the processor seconds of it and its children, and its output."""
    process = subprocess.Popen(
        step.command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    limit = threading.Timer(STEP_LIMIT, _end_group, [process])
    limit.start()
    try:
        lines = list(_passed_on(step, process))
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode, used.ru_utime + used.ru_stime, lines
    finally:
        limit.cancel()
        _end_group(process)


def _passed_on(step: Step, process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None  # noqa: S101  it was asked for as a pipe
    for line in process.stdout:
        _say(step, line)
        yield line


def _end_group(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _count(lines: list[str]) -> tuple[int, int]:
    """Passed and failed tests by the closing line of pytest; an error in a fixture is a failure."""
    closing = next((line for line in reversed(lines) if re.search(r" in \d[\d.]*s", line)), "")
    found = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", closing)}
    return found.get("passed", 0), found.get("failed", 0) + found.get("error", 0)


def _environment(step: Step, addresses: dict[str, str], common: Environment) -> Environment:
    return common | {"DATABASE_URL": addresses[step.database]}


def run_all(chosen: list[Step], addresses: dict[str, str], common: Environment) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for beside, neighbours in groupby(chosen, key=lambda step: step.beside):
        with ThreadPoolExecutor(beside) as lanes:
            outcomes += lanes.map(lambda step: run(step, _environment(step, addresses, common)), neighbours)
    return outcomes


def summarise(outcomes: list[Outcome], seconds: float, server: float) -> int:
    """``seconds`` on the clock all in all; ``server``: processor seconds of the database server."""
    print(f"\n==> summary{'clock':>37}{'processor':>12}")
    for outcome in outcomes:
        word = "FAILED" if outcome.exit_code else "ok"
        tests = f"{outcome.passed} passed, {outcome.failed} failed" if outcome.step.runs_tests else ""
        used = f"{outcome.seconds:5.0f} s{outcome.processor:10.0f} s"
        print(f"    {word:7}{outcome.step.name:32}{used}  {tests}".rstrip())
    if server:
        print(f"    {'':7}{'database server':32}{'':7}{server:10.0f} s")
    processor = server + sum(outcome.processor for outcome in outcomes)
    print(f"    {'':7}{'all':32}{seconds:5.0f} s{processor:10.0f} s")
    failures = sum(outcome.failures for outcome in outcomes)
    print(f"{sum(outcome.passed for outcome in outcomes)} passed, {failures} failed", flush=True)
    return int(failures > 0)


def server_seconds(folder: Path) -> float:
    """Processor seconds of a PostgreSQL server and of the sessions it has ended, by ``proc(5)``: fields 14 to 17."""
    process = int((folder / "postgresql/data/postmaster.pid").read_text("utf-8").split()[0])
    figures = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(int(ticks) for ticks in figures[11:15]) / os.sysconf("SC_CLK_TCK")


def check(chosen: list[Step], common: Environment) -> int:
    """Runs the steps on their databases, in a temporary folder that is removed afterwards."""
    for left in (COVERAGE_DATA, LOOKS):
        shutil.rmtree(left, ignore_errors=True)
        left.mkdir(parents=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trialmgr-checks-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database server runs as another user and must reach its own folder in it
        common = common | {"TRIALMGR_MIGRATED": str(folder / "migrated")}
        addresses = {"sqlite": f"sqlite:///{folder}/checks.sqlite3"}
        if not any(step.database == "postgresql" for step in chosen):
            return summarise(run_all(chosen, addresses, common), time.monotonic() - begun, 0)
        print("==> starting a throw-away PostgreSQL", flush=True)
        with postgresql(folder) as address:
            outcomes = run_all(chosen, addresses | {"postgresql": address}, common)
            return summarise(outcomes, time.monotonic() - begun, server_seconds(folder))


def _chosen(names: list[str]) -> list[Step]:
    by_name = {step.name: step for step in steps()}
    fast = [*PYTEST, *QUICK]
    sets: dict[str, Callable[[], list[Step]]] = {
        "all": lambda: list(by_name.values()),
        "full": lambda: [*by_name.values(), _planted_faults()],
        "fast": lambda: [Step("fast", "tests on SQLite, without browser and benchmarks", fast, runs_tests=True)],
    }
    unknown = [name for name in names if name not in by_name and name not in sets]
    if unknown or not names:
        sys.exit(f"usage: checks.py all | full | fast | NAME...\n  names: {', '.join(by_name)}")
    return [step for name in names for step in (sets[name]() if name in sets else [by_name[name]])]


def _stop(_signal: int, _frame: object) -> None:
    sys.exit("==> stopped")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)  # so that the database is ended as well
    sys.exit(check(_chosen(sys.argv[1:]), _common(full="full" in sys.argv)))
