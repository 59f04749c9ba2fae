"""A landed migration is never edited: installations have run it as it was. A change is a new migration."""

import hashlib
import json
from pathlib import Path

from tests.house.tree import ROOMS, own_files, relative

LANDED = Path(__file__).with_name("migrations.json")
MEND = "a new migration is kept with: python -m tests.house.test_migrations"


def present() -> dict[str, str]:
    """Every migration -> SHA-256 of its bytes, as they stand in the file."""
    return {
        str(relative(path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in own_files()
        if path.suffix == ".py" and path.parent.name == "migrations" and path.name != "__init__.py"
        if relative(path).parts[0] in ROOMS
    }


def landed() -> dict[str, str]:
    kept: dict[str, str] = json.loads(LANDED.read_text("utf-8"))
    return kept


def edited(kept: dict[str, str], now: dict[str, str]) -> list[str]:
    """Landed migrations that are no more what they were, or are gone."""
    return sorted(name for name, digest in kept.items() if now.get(name) != digest)


def keep_new() -> None:
    """Write down the digest of what is new; what was landed keeps the digest it had."""
    LANDED.write_text(json.dumps(present() | landed(), indent=2, sort_keys=True) + "\n", "utf-8")


def test_no_landed_migration_was_edited_or_removed() -> None:
    assert edited(landed(), present()) == []


def test_every_migration_is_kept_with_its_digest() -> None:
    assert sorted(present().keys() - landed().keys()) == [], MEND


def test_an_edited_and_a_removed_migration_are_found_and_a_new_one_is_not_taken_for_either() -> None:
    kept = {"crf/migrations/0001_initial.py": "a", "crf/migrations/0002_files.py": "b"}
    assert edited(kept, kept | {"crf/migrations/0003_rows.py": "c"}) == []
    assert edited(kept, {"crf/migrations/0001_initial.py": "z"}) == sorted(kept)


if __name__ == "__main__":
    keep_new()
