"""The environment of ``python manage.py trial demo``: keys and a database of its own, nothing shared with a real trial.

Runs before Django reads its settings. What stands in the environment already is not used: a demo never opens the
database of an installation.
"""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

KEYS = ("TRIALMGR_SECRET_KEY", "TRIALMGR_LIST_KEY", "TRIALMGR_CONTACT_KEY")
PASSWORD = "TRIALMGR_DEMO_PASSWORD"  # noqa: S105  the name of a variable, not a password
FOLDER = "TRIALMGR_DEMO_FOLDER"


def is_wanted(arguments: list[str]) -> bool:
    return arguments[1:3] == ["trial", "demo"]


def enter(base: Path) -> None:
    """Put the demo's settings into the environment. ``base``: the checkout; TRIALMGR_DEMO_FOLDER: elsewhere."""
    folder = Path(os.environ.get(FOLDER, base / "var" / "demo"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.update(_secrets(folder / "secrets.env"))
    os.environ.update(
        {
            FOLDER: str(folder),
            "TRIALMGR_DEMO": "1",
            "TRIALMGR_HTTPS": "0",
            "TRIALMGR_SECOND_FACTOR": "0",
            "TRIALMGR_RELEASES": str(folder / "releases"),
            "DATABASE_URL": f"sqlite:///{folder / 'trialmgr.sqlite3'}",
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
        }
    )


def _secrets(path: Path) -> dict[str, str]:
    """Made at the first start, readable by their owner alone."""
    if not path.exists():
        made = {name: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for name in KEYS}
        made[PASSWORD] = f"demo-{secrets.token_hex(4)}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.writelines(f"{name}={value}\n" for name, value in made.items())
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
