"""Texts of an ODM file in our two languages; what is missing in one stands in the other, and is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from trialmgr.protocol.exchange.drafts import Notices
from trialmgr.protocol.exchange.odm.elements import Element

_NAMES = {"nl": "Dutch", "en": "English", "": "a language that is not named"}


@dataclass(slots=True)
class Translations:
    """Reads TranslatedText, and remembers which languages were wanting or had no place."""

    stood_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    without_place: Counter[str] = field(default_factory=Counter)

    def text(self, holder: Element | None, fallback: str = "") -> dict[str, str]:
        """Both languages; the ``fallback`` where the holder has no text at all. Empty when that is empty too."""
        given = _given(holder)
        if not given:
            return {"nl": fallback, "en": fallback} if fallback else {}
        for language in given:
            if language not in ("nl", "en", ""):
                self.without_place[language] += 1
        return {"nl": self._pick(given, "nl", "en"), "en": self._pick(given, "en", "nl")}

    def _pick(self, given: dict[str, str], language: str, other: str) -> str:
        if language in given:
            return given[language]
        substitute = next(name for name in (other, "", "de", *given) if name in given)
        self.stood_in[language, substitute] += 1
        return given[substitute]

    def tell(self, notices: Notices) -> None:
        for (language, substitute), count in sorted(self.stood_in.items()):
            name = _NAMES.get(substitute, substitute)
            notices.warn(f"{count} texts have no {_NAMES[language]}; {name} stands in its place, to be translated")
        for language, count in sorted(self.without_place.items()):
            notices.leave_out(f"{count} texts in the language “{language}”: a study is written in Dutch and English")


def _given(holder: Element | None) -> dict[str, str]:
    """Language (the part before the hyphen) to its text; the plain language before its regional kinds."""
    given: dict[str, str] = {}
    translated = list(holder.all("TranslatedText")) if holder else []
    for entry in sorted(translated, key=lambda entry: len(entry.get("lang"))):
        if entry.words():
            given.setdefault(entry.get("lang").split("-")[0].casefold(), entry.words())
    return given
