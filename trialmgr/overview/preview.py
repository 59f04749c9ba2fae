"""A study folder as pages to look at: every form through the templates of the casebook, in both languages.

Nothing is stored and no database is read. The pages stand by themselves: style and script lie beside them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.translation import override

from crf.layout.boxes import laid_out
from crf.layout.fields import build_fields
from trialmgr.protocol.judgements import eligibility_form
from trialmgr.protocol.model import Form, StudyDefinition

LANGUAGES = {"nl": "Nederlands", "en": "English"}
_BESIDE = ("trialmgr/css/trialmgr.css", "trialmgr/js/trialmgr.js", "trialmgr/js/forms.js")


def write_preview(definition: StudyDefinition, out: Path) -> list[Path]:
    """Write ``index.html`` and a page for each form and language into a folder; returns what was written."""
    out.mkdir(parents=True, exist_ok=True)
    for name in _BESIDE:
        shutil.copyfile(str(finders.find(name)), out / Path(name).name)
    pages = {out / "index.html": _index(definition)}
    for language in LANGUAGES:
        for form in forms_shown(definition):
            pages[out / page_name(form.key, language)] = _page(definition, form, language)
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return list(pages)


def forms_shown(definition: StudyDefinition) -> Iterator[Form]:
    """Every form; the one for eligibility with the newest criteria."""
    for form in definition.forms:
        yield eligibility_form(definition, definition.eligibility[-1]) if form.eligibility else form


def page_name(key: str, language: str) -> str:
    return f"{key}.{language}.html"


def _index(definition: StudyDefinition) -> str:
    rows = [
        {
            "label": form.label("en"),
            "key": form.key,
            "items": len(form.items),
            "entered_by": ", ".join(form.entered_by),
            "visits": ", ".join(visit.key for visit in definition.visits if form.key in visit.forms),
            "pages": [{"url": page_name(form.key, language), "label": name} for language, name in LANGUAGES.items()],
        }
        for form in forms_shown(definition)
    ]
    with override("en"):
        return render_to_string(
            "overview/preview/index.html", {"study": definition, "forms": rows, "title": definition.short_title}
        )


def _page(definition: StudyDefinition, form: Form, language: str) -> str:
    page = {
        "title": form.label(language),
        "form_key": form.key,
        "recall_period": form.recall_period(language) if form.recall_period else "",
        "sections": build_fields(definition, laid_out(form, (), spare=True), {}, {}, {}, language),
        "checks": [{"severity": check.severity, "text": check.message(language)} for check in form.checks],
        "others": [
            {"url": page_name(form.key, other), "label": name} for other, name in LANGUAGES.items() if other != language
        ],
    }
    with override(language):
        return render_to_string("overview/preview/form.html", page)
