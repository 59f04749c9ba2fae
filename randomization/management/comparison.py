"""``randomization compare``: the designs side by side for this trial, printed and written to a folder."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from audit.commands import Answer, WrongUsage
from randomization.methods.comparison import files
from randomization.methods.comparison.choices import asked_for, designs_to_compare
from randomization.methods.comparison.expectations import recruitment_of, shares_from
from randomization.methods.comparison.figures import TRIALS, Compared, advice, compared, drawing, label, table
from randomization.methods.definition import factors_of
from randomization.methods.designs import name_of
from randomization.queries.comparison import is_open_label, observed_shares
from trialmgr.protocol.model import Language, StudyDefinition
from trialmgr.studies.queries import current_definition


def compare_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--design",
        nargs="+",
        default=[],
        metavar="NAME",
        help="designs to compare: study, blocks:4,6, big_stick:3, complete, ..., or a .json or .yaml file with "
        "parameters; the study's own and the usual ones when left out",
    )
    parser.add_argument("--participants", type=int, help="participants in a trial; the study's target when left out")
    parser.add_argument("--simulations", type=int, default=TRIALS, help=f"trials to simulate ({TRIALS})")
    parser.add_argument(
        "--expected",
        nargs="+",
        default=[],
        metavar="LEVEL=N",
        help="how many are expected, against "
        "the other levels, such as UMCG=3 LUMC=1; by recruitment so far when left out",
    )
    parser.add_argument("--seed", default="", help="text; the same seed gives the same figures. The study's id")
    parser.add_argument("--language", choices=("nl", "en"), default="en", help="language of text and drawing")
    parser.add_argument("--out", required=True, type=Path, help="folder for comparison.svg, .csv and .md")


def compare(
    *,
    design: list[str],
    participants: int | None,
    simulations: int,
    expected: list[str],
    seed: str,
    language: Language,
    out: Path,
) -> Answer:
    """The figures name block sizes: the output is for the statistician who is not blinded."""
    definition = current_definition()
    if simulations < 1:
        raise WrongUsage("--simulations: simulate at least one trial.")
    levels = factors_of(definition)
    shares = shares_from(expected, levels) if expected else observed_shares(levels)
    number = definition.target_participants if participants is None else participants
    recruitment = recruitment_of(number, shares)
    designs = asked_for(design, definition, files=True) if design else designs_to_compare(definition)
    seed = seed or definition.id
    made = compared(designs, recruitment, seed=seed, trials=simulations)
    rows = list(tqdm(made, total=len(designs), unit=" designs", disable=None, file=sys.stderr))
    text = files.report(
        rows,
        study=definition.short_title,
        seed=seed,
        trials=simulations,
        open_label=is_open_label(definition),
        language=language,
    )
    written = _write(out, rows, definition, language, text)
    return _answer(rows, definition, language, written)


def _write(
    out: Path, rows: Sequence[Compared], definition: StudyDefinition, language: Language, text: str
) -> list[str]:
    advised = advice(rows, open_label=is_open_label(definition))
    contents = {
        "comparison.csv": files.csv_of_designs(rows),
        "comparison-strata.csv": files.csv_of_strata(rows),
        "comparison.svg": drawing(rows, language, advised.design),
        "comparison.md": text,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (out / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"--out: {out} cannot be written ({error.strerror}).") from error
    return [str(out / name) for name in contents]


def _answer(
    rows: Sequence[Compared], definition: StudyDefinition, language: Language, written: Sequence[str]
) -> Answer:
    advised = advice(rows, open_label=is_open_label(definition))
    lines = [
        *files.as_lines(table(rows, language)),
        "",
        advised.reason(language),
        "",
        *(f"Written: {path}" for path in written),
    ]
    data = {
        "designs": [
            {"name": name_of(each.design), "label": label(each.design)(language)} | files.packed(each) for each in rows
        ],
        "advised": name_of(advised.design),
        "reason": advised.reason(language),
        "written": list(written),
    }
    return Answer(tuple(lines), data)
