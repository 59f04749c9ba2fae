"""The licence, the log of changes, and one version that both follow."""

import hashlib
import re
import tomllib

import trialmgr
from exports.dataset import software
from tests.house.tree import ROOT, own_files, relative

# The text as the Apache Software Foundation publishes it.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def headings() -> list[str]:
    """The versions of the log of changes, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_the_licence_is_apache_2_word_for_word() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert PROJECT["license"] == "Apache-2.0"
    assert "Copyright the trialmgr authors" in (ROOT / "NOTICE").read_text("utf-8")


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"]
    modules = [path for path in own_files() if path.suffix == ".py" and "__version__ =" in path.read_text("utf-8")]
    assert [str(relative(path)) for path in modules if path.parts[-2] != "house"] == ["trialmgr/__init__.py"]


def test_a_release_names_it() -> None:
    assert software()["trialmgr"] == trialmgr.__version__


def test_the_log_of_changes_begins_with_this_version() -> None:
    assert headings()[0] == trialmgr.__version__
    assert headings() == sorted(
        headings(), key=lambda version: [int(part) for part in version.split(".")], reverse=True
    )
