"""The acts of one study, in an installation of its own: ``python -m tests.law.worker reset_trd 20 30``."""

from __future__ import annotations

import json
import sys
from collections import Counter

import django

django.setup()

from hypothesis import HealthCheck, Phase, settings  # noqa: E402  Django is set up first
from hypothesis.stateful import run_state_machine_as_test  # noqa: E402

from tests.law.machine import Acts  # noqa: E402
from tests.law.stage import Stage  # noqa: E402


def walk(study: str, examples: str, steps: str) -> dict[str, dict[str, int]]:
    """How often each kind of act was done, and refused."""
    Acts.stage, Acts.done, Acts.refused = Stage.of(study), Counter(), Counter()
    run_state_machine_as_test(
        Acts,
        settings=settings(
            settings.get_profile("ci"),
            max_examples=int(examples),
            stateful_step_count=int(steps),
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # answers are drawn from seeds, which do not shrink
        ),
    )
    return {"done": dict(Acts.done), "refused": dict(Acts.refused)}


if __name__ == "__main__":
    print(json.dumps(walk(*sys.argv[1:])))
