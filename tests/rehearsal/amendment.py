"""An amendment of RESET-TRD as files: one question more and a new check on one form."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

FORM, ITEM = "vital_signs", "height_cm"
OLD, NEW = "0.1.0", "0.2.0"

_ITEM = f"""\
      - key: {ITEM}
        type: integer
        label: {{nl: Lengte, en: Height}}
        unit: cm
"""
_CHECK = """\
  - key: pulse_high
    severity: soft
    fires_if: pulse > 80
    items: [pulse]
    message: {nl: De polsslag is hoog., en: The pulse is high.}
    examples:
      - {given: {pulse: 81}, gives: true}
"""


def write_amendment(folder: Path) -> Path:
    """The folder, with the whole amended study in it."""
    source = Path(settings.TRIALMGR_STUDIES) / "reset_trd"
    for path in source.rglob("*.yaml"):
        text = path.read_text("utf-8")
        if path.name == f"{FORM}.yaml":
            text = text.replace("checks:\n", f"{_ITEM}checks:\n{_CHECK}", 1)
        if path.name == "study.yaml":
            text = text.replace(f"version: {OLD}", f"version: {NEW}", 1)
        copy = folder / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text, "utf-8")
    return folder
