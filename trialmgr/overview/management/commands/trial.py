from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm

from audit.commands import Answer, RoomCommand, Subcommand
from trialmgr.overview import demo
from trialmgr.overview.rehearsal.invention.answers import Stuck
from trialmgr.overview.rehearsal.invention.profile import ProfileError
from trialmgr.overview.rehearsal.likeness import fingerprint
from trialmgr.overview.rehearsal.trial import Progress, counts, rehearse
from trialmgr.protocol.loader import StudyErrors


class Command(RoomCommand):
    help = "The trial as a whole: rehearse it with invented participants, or serve such a rehearsal as a demo."
    refusals = (StudyErrors, ProfileError, Stuck, demo.DemoRefused)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand(
            "rehearse", "Send invented participants through the trial, by the same actions as the pages.", run, _span
        )
        yield Subcommand("demo", "Serve a rehearsed trial on this machine, with a sign-in for each role.", serve, _demo)


def _span(parser: ArgumentParser) -> None:
    parser.add_argument("--participants", type=_count, default=172, metavar="N", help="how many people to invent (172)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="the same seed gives the same trial (1)")
    parser.add_argument("--ongoing", action="store_true", help="a trial under way today, instead of one at its end")
    _study(parser)


def _study(parser: ArgumentParser) -> None:
    parser.add_argument("--study", metavar="NAME", help="one that comes with trialmgr (reset_trd), or a study folder")


def _demo(parser: ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=demo.port(), help="where to serve it, on 127.0.0.1 (8000)")
    parser.add_argument("--participants", type=_count, default=48, metavar="N", help="how many people to invent (48)")
    parser.add_argument("--fresh", action="store_true", help="throw the demo's data away and rehearse anew")
    _study(parser)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def run(*, participants: int, seed: int, ongoing: bool, study: str | None) -> Answer:
    with progress(sys.stderr) as report:
        span = rehearse(participants=participants, seed=seed, ongoing=ongoing, study=study, report=report)
    found, print_ = counts(), fingerprint()
    data = {
        "participants": participants,
        "seed": seed,
        "begin": span.begin.isoformat(),
        "end": span.end.isoformat(),
        "counts": found,
        "fingerprint": print_,
    }
    lines = [f"Rehearsed {participants} participants with seed {seed}, from {span.begin} to {span.end}."]
    lines += [f"{name.replace('_', ' ')}: {number}" for name, number in found.items()]
    return Answer((*lines, f"fingerprint of the data: {print_}"), data)


def serve(*, port: int, participants: int, fresh: bool, study: str | None) -> Answer:
    with progress(sys.stdout) as report:
        demo.prepare(participants=participants, fresh=fresh, study=study, port=port, say=_say, report=report)
    demo.serve(port)
    return Answer(("The demo has ended.",))


def _say(line: str) -> None:
    sys.stdout.write(f"==> demo: {line}\n")
    sys.stdout.flush()


@contextmanager
def progress(stream: TextIO) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal; elsewhere a line for each invented quarter."""
    if not stream.isatty():
        yield _quarters(stream)
        return
    with tqdm(file=stream, unit="day", dynamic_ncols=True) as bar:

        def move(now: Progress) -> None:
            bar.total = (now.end - now.begin).days
            bar.set_description(f"{now.day:%Y-%m}: {now.registered} registered, {now.finished} finished")
            bar.update(max(0, (now.day - now.begin).days - bar.n))

        yield move


def _quarters(stream: TextIO) -> Callable[[Progress], None]:
    told = ""

    def tell(now: Progress) -> None:
        nonlocal told
        quarter = f"{now.day.year} quarter {(now.day.month + 2) // 3}"
        if quarter != told:
            told = quarter
            stream.write(f"rehearsing {quarter}: {now.registered} registered, {now.finished} finished\n")
            stream.flush()

    return tell
