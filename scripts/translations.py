"""Holds the Dutch catalogue against the texts in code and templates: translations.py check | update.

`check` names every text that is missing, no longer used, untranslated, fuzzy, or not in the compiled file.
`update` adds what is missing (with an empty translation), removes what is unused, and compiles.
Neither needs the gettext programs.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ["trialmgr", "audit", "crf", "randomization", "exports"]
CATALOGUE = ROOT / "trialmgr/locale/nl/LC_MESSAGES/django.po"
TEMPLATE_ENDINGS = {".html", ".txt", ".xml", ".svg"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")

# Which arguments of each gettext function are context, text and plural.
PLAIN = {"gettext", "gettext_lazy", "gettext_noop", "_"}
PLURAL = {"ngettext", "ngettext_lazy"}
CONTEXT = {"pgettext", "pgettext_lazy"}
CONTEXT_PLURAL = {"npgettext", "npgettext_lazy"}
TEMPLATE_CALL = re.compile(r" ((?:np|n|p)?gettext)\((u?(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\").*?)\) ", re.DOTALL)

Text = tuple[str, str, str]  # context, text, plural; the unused ones empty


def texts_of(function: str, arguments: list[str]) -> Iterator[Text]:
    """The text a call to a gettext function asks for, given its leading constant arguments."""
    if function in PLAIN and arguments:
        yield "", arguments[0], ""
    elif function in PLURAL and len(arguments) > 1:
        yield "", arguments[0], arguments[1]
    elif function in CONTEXT and len(arguments) > 1:
        yield arguments[0], arguments[1], ""
    elif function in CONTEXT_PLURAL and len(arguments) > 2:
        yield arguments[0], arguments[1], arguments[2]


def _constants(arguments: list[ast.expr]) -> list[str]:
    leading = []
    for argument in arguments:
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
            break
        leading.append(argument.value)
    return leading


def in_python(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            yield from texts_of(name, _constants(node.args))


def in_template(source: str) -> Iterator[Text]:
    """Texts of {% translate %}, {% blocktranslate %} and _("...") in filters, read as makemessages reads them."""
    as_code = templatize(source)
    for function, arguments in TEMPLATE_CALL.findall(as_code):
        call = ast.parse(f"{function}({arguments})", mode="eval").body
        if isinstance(call, ast.Call):
            yield from texts_of(function, _constants(call.args))
    for quoted in re.findall(r"(?<!\w)_\((\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\)", as_code):
        yield "", ast.literal_eval(quoted), ""


def texts_in_use() -> dict[Text, str]:
    """Every text in the rooms, with the first file (relative) that uses it."""
    found: dict[Text, str] = {}
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()):
        if path.suffix == ".py":
            texts = in_python(path.read_text("utf-8"))
        elif path.suffix in TEMPLATE_ENDINGS and "templates" in path.parts:
            texts = in_template(path.read_text("utf-8"))
        else:
            continue
        for text in texts:
            found.setdefault(text, str(path.relative_to(ROOT)))
    return {text: where for text, where in found.items() if text[1]}


def _key(entry: polib.POEntry) -> Text:
    return entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""


def _entries(path: Path) -> dict[Text, polib.POEntry]:
    return {_key(entry): entry for entry in polib.pofile(str(path)) if not entry.obsolete}


def _translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def faults_of(entry: polib.POEntry) -> Iterator[str]:
    """What is wrong with one entry of the catalogue, in words."""
    translations = _translations(entry)
    if not all(translations):
        yield "has no Dutch"
    elif entry.fuzzy:
        yield "is marked fuzzy"
    elif any(_placeholders(text) - _placeholders(f"{entry.msgid} {entry.msgid_plural}") for text in translations):
        yield "names a placeholder in Dutch that the English lacks"
    elif not entry.msgid_plural and _placeholders(entry.msgid) != _placeholders(entry.msgstr):
        yield "loses a placeholder in Dutch"


def _placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def faults() -> Iterator[str]:
    if not CATALOGUE.exists():
        yield f"{CATALOGUE.relative_to(ROOT)} does not exist"
        return
    used, known = texts_in_use(), _entries(CATALOGUE)
    for text in used.keys() - known.keys():
        yield f"{text[1]!r} ({used[text]}) is not in the catalogue"
    for text in known.keys() - used.keys():
        yield f"{text[1]!r} is in the catalogue but no longer used"
    for text in known.keys() & used.keys():
        yield from (f"{text[1]!r} ({used[text]}) {fault}" for fault in faults_of(known[text]))
    yield from _compiled_faults(known)


def _compiled_faults(known: dict[Text, polib.POEntry]) -> Iterator[str]:
    path = CATALOGUE.with_suffix(".mo")
    wanted = {text: _translations(entry) for text, entry in known.items() if entry.translated()}
    compiled = {_key(entry): _translations(entry) for entry in polib.mofile(str(path))} if path.exists() else {}
    if compiled != wanted:
        yield f"{path.relative_to(ROOT)} differs from the catalogue"


def _new_catalogue() -> polib.POFile:
    catalogue = polib.POFile(wrapwidth=116)
    catalogue.metadata = {
        "Language": "nl",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=2; plural=(n != 1);",
    }
    return catalogue


def _new_entry(text: Text) -> polib.POEntry:
    context, msgid, plural = text
    if plural:
        return polib.POEntry(msgctxt=context or None, msgid=msgid, msgid_plural=plural, msgstr_plural={0: "", 1: ""})
    return polib.POEntry(msgctxt=context or None, msgid=msgid, msgstr="")


def update() -> str:
    """Rewrites the catalogue in alphabetical order and compiles it; says what changed."""
    used, known = texts_in_use(), _entries(CATALOGUE) if CATALOGUE.exists() else {}
    catalogue = _new_catalogue()
    for text in sorted(used, key=lambda text: (text[1], text)):
        entry = known.get(text) or _new_entry(text)
        entry.occurrences = [(used[text], "")]
        catalogue.append(entry)
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(CATALOGUE))
    catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    empty = sum(1 for entry in catalogue if not entry.translated())
    added, removed = len(used.keys() - known.keys()), len(known.keys() - used.keys())
    return f"{len(used)} texts: {added} added, {removed} removed, {empty} without Dutch"


def main(arguments: list[str]) -> int:
    if arguments == ["update"]:
        print(update())
        return 0
    if arguments != ["check"]:
        sys.exit("usage: translations.py check | update")
    found = sorted(faults())
    closing = "make translations adds, removes and compiles" if found else "catalogue complete"
    print("\n".join([*found, closing]))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
