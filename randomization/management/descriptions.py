"""``randomization describe``: the public or the restricted description, or the texts for the report, to a file."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from audit.commands import Answer, WrongUsage
from randomization.queries.descriptions import KINDS, described
from trialmgr.protocol.model import Language


def describe_arguments(parser: ArgumentParser) -> None:
    kinds = parser.add_mutually_exclusive_group(required=True)
    helps = {
        "public": "for the protocol: no block sizes, no arm",
        "restricted": "for statistician and inspector: with block sizes, weights and hashes",
        "consort": "texts for the report of the trial; restricted until it is closed",
    }
    for kind in KINDS:
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=helps[kind])
    parser.add_argument("--language", choices=("nl", "en"), default="nl", help="language of the text (nl)")
    parser.add_argument("--out", type=Path, required=True, help="file to write, Markdown")


def describe(*, kind: str, language: Language, out: Path) -> Answer:
    text = described(kind, language).markdown()
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"--out: {out} cannot be written ({error.strerror}).") from error
    return Answer((f"Written: {out} ({kind}).",), {"kind": kind, "written": str(out)})
