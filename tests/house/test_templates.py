"""Every template that code or another template names stands where it is looked for."""

import re
from collections.abc import Iterator

from tests.house.tree import ROOMS, ROOT, relative, texts

NAMED = re.compile(r"""["']((?:\w+/)+\w+\.html)["']""")


def named() -> Iterator[tuple[str, str]]:
    """(file, template it names), for each template in the folder of a room or of the shared parts."""
    for path, text in texts():
        if relative(path).parts[0] in ROOMS and path.suffix in {".py", ".html"}:
            yield from ((str(relative(path)), name) for name in NAMED.findall(text))


def test_every_template_that_is_named_is_there() -> None:
    folders = [folder for room in ROOMS for folder in (ROOT / room).glob("**/templates")]
    found = set(named())
    assert ("crf/templates/crf/visits/reopen.html", "crf/frames/page.html") in found
    assert [pair for pair in sorted(found) if not any((folder / pair[1]).is_file() for folder in folders)] == []
