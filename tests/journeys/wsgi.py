"""The application on a day that a file names, so that one participant's two years pass in two minutes."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from trialmgr.studies.clock import pretend
from trialmgr.wsgi import application as pages

DAY_FILE = "TRIALMGR_JOURNEY_DAY"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request on the day that stands in the file."""
    day = Path(os.environ[DAY_FILE]).read_text("utf-8")
    with pretend(datetime.date.fromisoformat(day)):
        return pages(environ, start_response)
