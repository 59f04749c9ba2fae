"""The text that lies beside a release: what it is, what is in it, how to check it. The same bytes for the same lock."""

from __future__ import annotations

from collections.abc import Iterable

from exports.tables.codebook import RULES
from exports.tables.manifest import FileRecord
from exports.tables.plans import Table
from trialmgr.protocol.model import StudyDefinition, Text
from trialmgr.studies.models import StudyLock

WORKBOOK = "workbook.xlsx"
MOST_AUDIT_ROWS = 20_000

_ALLOCATION = {
    True: Text(
        nl="Deze vrijgave bevat de toewijzing. Zij is niet bestemd voor wie geblindeerd werkt.",
        en="This release holds the allocation. It is not meant for anyone who works blinded.",
    ),
    False: Text(
        nl="De toewijzing is weggelaten, met elk formulier, bezoek, item en elke regel van de audit trail die haar "
        "onthult. Vrije tekst is niet nagelezen.",
        en="The allocation is left out, with every form, visit, item and audit trail line that reveals it. Free text "
        "has not been read through.",
    ),
}
_WORKBOOK = Text(
    nl=f"{WORKBOOK} bevat dezelfde tabellen, een blad per CSV-bestand. Een blad kan hoogstens 1.048.576 rijen hebben; "
    f"een langer bestand, of een audit trail van meer dan {MOST_AUDIT_ROWS} rijen, staat alleen in het CSV-bestand en "
    "het blad zegt dat. Tekst van meer dan 32.767 tekens is in het werkboek afgekapt, eindigend op …. Tekens die een "
    "werkboek niet kent, zijn vervangen. De CSV-bestanden zijn leidend.",
    en=f"{WORKBOOK} holds the same tables, a sheet a CSV file. A sheet has at most 1,048,576 rows; a longer file, or "
    f"an audit trail of more than {MOST_AUDIT_ROWS} rows, stands in the CSV file alone and its sheet says so. Text of "
    "more than 32,767 characters is cut in the workbook, ending in …. Characters that a workbook does not know are "
    "replaced. The CSV files are the record.",
)
_CHECK = Text(
    nl="Controleren: sha256sum -c SHA256SUMS, of: python manage.py release verify MAP",
    en="To check: sha256sum -c SHA256SUMS, or: python manage.py release verify FOLDER",
)


_INVENTED = Text(
    nl="VERZONNEN GEGEVENS van een oefening: geen deelnemer bestaat. "
    "Elke rij zegt het in haar laatste kolom, invented.",
    en="INVENTED DATA of a rehearsal: no participant exists. Every row says so in its last column, invented.",
)
_NO_TEXT = Text(nl="", en="")


def readme_text(
    lock: StudyLock,
    definition: StudyDefinition,
    tables: Iterable[Table],
    files: Iterable[FileRecord],
    *,
    with_allocation: bool,
    invented: bool,
) -> str:
    """``files``: those already written, whose rows are counted."""
    rows = {file.name: file.rows for file in files}
    listed = [(table, rows[table.name]) for table in tables]
    title = definition.title if with_allocation else definition.public_title
    texts = [
        title,
        _made(lock, definition),
        *([_INVENTED] if invented else []),
        _NO_TEXT,
        _ALLOCATION[with_allocation],
        *RULES,
        _WORKBOOK,
        _CHECK,
        _NO_TEXT,
    ]
    return "\n".join(_part(texts, listed, language) for language in ("nl", "en"))


def _part(texts: list[Text], tables: list[tuple[Table, int | None]], language: str) -> str:
    lines = [text(language) for text in texts]
    lines += [f"{table.name}: {table.label(language)} ({rows})" for table, rows in tables]
    return "\n".join(lines) + "\n"


def _made(lock: StudyLock, definition: StudyDefinition) -> Text:
    time, name, last = f"{lock.locked_at:%Y-%m-%d %H:%M:%S}", definition.short_title, lock.ledger_seq
    return Text(
        nl=f"Gegevens van {name}, vergrendeld op {time} UTC, tot en met regel {last} van de audit trail.",
        en=f"Data of {name}, locked at {time} UTC, up to line {last} of the audit trail.",
    )
