"""``python -m tests.large_trial 1000`` on the empty demo installation that DATABASE_URL names; its size as JSON."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.demo_settings")
django.setup()

from tests.large_trial.growth import SEED, SOURCES, large_trial  # noqa: E402  Django is set up first
from trialmgr.overview.rehearsal.trial import DEFAULT_STUDY  # noqa: E402

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.large_trial", description=__doc__)
    parser.add_argument("participants", type=int)
    parser.add_argument("--rehearsed", type=int, default=SOURCES, help="how many are rehearsed before they are copied")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--study", default=DEFAULT_STUDY)
    parser.add_argument("--ongoing", action="store_true", help="a trial under way, not at its end")
    print(json.dumps(asdict(large_trial(**vars(parser.parse_args())))))
