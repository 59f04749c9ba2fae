"""The casebook of a participant on paper, as far as the person sees it who prints it: the site's own copy.

Source: ICH E6(R3) 2.12.6 (the investigator keeps control of, and has at all times access to, the site's own records).
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.utils.translation import gettext as _

from crf.casebook import entry_tag, visit_tag
from crf.layout.boxes import item_label, laid_out
from crf.layout.fields import FieldView, Marks, SectionView, build_fields
from crf.loaded_casebook import LoadedCasebook
from crf.models import WEIGHT_LABELS, FormEntry, ProtocolDeviation, Query, Signature, Verification, Visit, Weight
from crf.places import CasebookPlace, spoken
from crf.queries import visits_of
from crf.views.casebooks import casebook_facts
from crf.wording import wording_for
from randomization.models import Allocation
from randomization.papers.confirmations import confirmed
from randomization.views.frames import moment
from trialmgr.overview.papers.frames import Paper, day, printed
from trialmgr.overview.trail import readable
from trialmgr.people.permissions import role_labels
from trialmgr.printing import typeset
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.model import Form, Language
from trialmgr.studies.queries import one_version

TEMPLATE = Path(__file__).parents[1] / "templates/overview/casebooks/casebook.typ"
SAVES = ("entry.saved", "entry.not_done", "entry.moved")
"""Acts by which people write on a form."""


def casebook_paper(place: CasebookPlace, at: datetime.datetime) -> bytes:
    """The PDF, in the language of the page. ``at``: when it is printed; the same casebook then gives the same bytes."""
    title = _("Casebook of participant %(number)s") % {"number": place.participant.number}
    return typeset(TEMPLATE, casebook_document(place, at), title=title, language=spoken(), at=at)


def casebook_document(place: CasebookPlace, at: datetime.datetime) -> Paper:
    """What stands on the paper, as plain data."""
    with one_version():
        return _document(_Reading(place), at)


def _document(reading: _Reading, at: datetime.datetime) -> Paper:
    place = reading.place
    return {
        "study": place.definition.short_title,
        "kind": _("Participant %(number)s, casebook") % {"number": place.participant.number},
        "made": printed(place.user, place.participant.site, at),
        "facts": [
            {"key": _("Status"), "value": place.participant.get_status_display()},
            *({"key": fact["key"], "value": fact["value"]} for fact in casebook_facts(place)),
        ],
        "allocation": {"title": _("Allocation"), "rows": list(_allocation(place))},
        "visits": [reading.visit(visit) for visit in reading.visits],
        "queries": _("Queries"),
    }


def _allocation(place: CasebookPlace) -> Iterator[dict[str, str]]:
    """Nothing for the blinded, nor for who is not to know it by their role."""
    if place.sight.blinded or not place.may("allocation.view"):
        return
    rows = Allocation.objects.for_user(place.user).select_related("participant__site", "row__stratum__list")
    for allocation in rows.filter(participant=place.participant):
        # Participant and site stand above.
        language: Language = "en" if spoken() == "en" else "nl"
        yield from confirmed(allocation, place.definition, language)[1:4]


@dataclass(frozen=True)
class _Save:
    at: datetime.datetime
    actor: str


@dataclass(frozen=True)
class _Reading:
    """Everything of one casebook that this person sees, in as many questions to the database whatever its size."""

    place: CasebookPlace

    @cached_property
    def visits(self) -> list[Visit]:
        """In order of their planned days; the running logs, which have none, come last."""
        found = visits_of(self.place.user, self.place.participant)
        return sorted(found, key=lambda visit: visit.target_on is None)

    @cached_property
    def book(self) -> LoadedCasebook:
        """What the rules of the forms read."""
        return LoadedCasebook(self.place.participant)

    @cached_property
    def entries(self) -> Mapping[int, list[FormEntry]]:
        """By visit; rows that were taken out are in the audit trail alone."""
        visits = {visit.pk: visit for visit in self.visits}
        rows = FormEntry.objects.for_user(self.place.user).with_version().standing()
        found: dict[int, list[FormEntry]] = defaultdict(list)
        for entry in rows.filter(visit__in=visits).order_by("visit", "form_key", "occurrence"):
            entry.visit = visits[entry.visit_id]
            found[entry.visit_id].append(entry)
        return found

    @cached_property
    def saves(self) -> Mapping[tuple[str, str, str], list[_Save]]:
        """By visit, form and row, oldest first; each act once, whatever it changed."""
        rows = readable(self.place.user, self.place.definition).filter(action__in=SAVES, cause="")
        rows = rows.filter(participant=self.place.participant.number, object_type="entry").order_by("seq")
        found: dict[tuple[str, str, str], list[_Save]] = defaultdict(list)
        for visit, form, row, at, actor in rows.values_list("visit", "form", "occurrence", "at", "actor"):
            found[visit, form, row].append(_Save(at, actor))
        return found

    @cached_property
    def signatures(self) -> Mapping[int, list[Signature]]:
        found: dict[int, list[Signature]] = defaultdict(list)
        rows = Signature.objects.for_user(self.place.user).filter(entry__visit__participant=self.place.participant)
        for signature in rows:
            found[signature.entry_id].append(signature)
        return found

    @cached_property
    def verified(self) -> frozenset[tuple[int, str]]:
        rows = Verification.objects.for_user(self.place.user).filter(stands=True)
        return frozenset(rows.filter(entry__visit__participant=self.place.participant).values_list("entry_id", "item"))

    @cached_property
    def queries(self) -> Mapping[tuple[int | None, int | None, str], list[Query]]:
        """By entry, or else by visit and form, "" for the visit as a whole."""
        found: dict[tuple[int | None, int | None, str], list[Query]] = defaultdict(list)
        rows = Query.objects.for_user(self.place.user).about(participant=self.place.participant)
        for query in rows.prefetch_related("messages").order_by("number", "pk"):
            found[query.entry_id, query.visit_id, query.form_key].append(query)
        return found

    @cached_property
    def deviations(self) -> Mapping[int, list[ProtocolDeviation]]:
        found: dict[int, list[ProtocolDeviation]] = defaultdict(list)
        rows = ProtocolDeviation.objects.for_user(self.place.user).filter(visit__participant=self.place.participant)
        for deviation in rows:
            found[deviation.visit_id].append(deviation)
        return found

    # --- as it stands on paper ------------------------------------------------------------------------------------

    def visit(self, visit: Visit) -> Paper:
        entries = self.entries.get(visit.pk, [])
        # An entry of a form that a later version took from this visit is printed too.
        keys = dict.fromkeys([*visit.definition.forms, *(entry.form_key for entry in entries)])
        seen = [key for key in keys if self.place.sees_form(key)]
        begun = {entry.form_key for entry in entries}
        empty = [self.place.definition.form(key).label(spoken()) for key in seen if key not in begun]
        return {
            "label": visit.label(spoken()),
            "lines": [*_of_visit(visit), *map(_deviation, self.deviations.get(visit.pk, []))],
            "queries": [_query(query, _("The visit as a whole")) for query in self._asked(visit, "")],
            "forms": [part for key in seen for part in self._form(visit, key, entries)],
            "empty": _("Nothing entered: %(forms)s") % {"forms": "; ".join(empty)} if empty else "",
        }

    def _form(self, visit: Visit, key: str, entries: Iterable[FormEntry]) -> Iterator[Paper]:
        """Each row of the form, and before them what is asked about it as a whole."""
        asked = [_query(query, _("The form as a whole")) for query in self._asked(visit, key)]
        label = self.place.definition.form(key).label(spoken())
        if asked:
            yield {"label": label, "lines": [], "sections": [], "queries": asked}
        yield from (self._entry(entry) for entry in entries if entry.form_key == key)

    def _asked(self, visit: Visit, form: str) -> list[Query]:
        return self.queries.get((None, visit.pk, form), [])

    def _entry(self, entry: FormEntry) -> Paper:
        form = entry.form
        label = form.label(spoken())
        row = _("row %(number)s") % {"number": entry.occurrence}
        return {
            "label": f"{label}, {row}" if form.repeating else label,
            "lines": list(self._of_entry(entry)),
            "sections": [] if entry.not_done else [_section(section) for section in self._sections(entry, form)],
            "queries": [
                _query(query, _named(form, query.item)) for query in self.queries.get((entry.pk, None, ""), [])
            ],
        }

    def _of_entry(self, entry: FormEntry) -> Iterator[str]:
        """State and version, who entered it, who signed it."""
        signatures = self.signatures.get(entry.pk, [])
        is_signed = any(signature.lapsed_at is None for signature in signatures)
        version = _("study version %(version)s") % {"version": entry.study_version.definition.version}
        yield f"{entry_tag(entry, signed=is_signed).text}, {version}"
        if entry.not_done:
            reason = self.place.definition.missing_reasons.label(entry.not_done, spoken())
            yield _("The whole form was not done: %(reason)s") % {"reason": reason}
        saves = self.saves.get((entry.visit.slug, entry.form_key, str(entry.occurrence)), [])
        texts = (_("Entered by %(name)s, %(moment)s"), _("Last changed by %(name)s, %(moment)s"))
        for text, save in zip(texts, dict.fromkeys((*saves[:1], *saves[-1:])), strict=False):
            yield text % {"name": save.actor, "moment": moment(save.at)}
        yield from map(_signature, signatures)

    def _sections(self, entry: FormEntry, form: Form) -> tuple[SectionView, ...]:
        definition = entry.study_version.definition
        values, missing = entry.boxes
        evaluation = evaluate_entry(definition, form, values, missing, self.book, entry.visit.slug)
        laid = laid_out(form, entry.answered)
        marks = {
            item.key: Marks(skipped=item.key in evaluation.skipped, verified=(entry.pk, item.key) in self.verified)
            for item in laid.items
        }
        return build_fields(
            definition,
            laid,
            values,
            missing,
            {},
            spoken(),
            marks=marks,
            hidden=frozenset(item.key for item in laid.items if not self.place.sight.item(item)),
            wording=wording_for(definition),
        )


def _of_visit(visit: Visit) -> Iterator[str]:
    yield visit_tag(visit).text
    if visit.target_on:
        window = " – ".join(day(end) or "…" for end in (visit.earliest_on, visit.latest_on))
        yield _("Planned for %(day)s (%(window)s)") % {"day": day(visit.target_on), "window": window}
    if visit.took_place_on:
        yield _("Took place on %(day)s") % {"day": day(visit.took_place_on)}
    if visit.is_not_done:
        yield _("Did not take place: %(reason)s") % {"reason": visit.not_done_reason}


def _deviation(deviation: ProtocolDeviation) -> str:
    said = f"{deviation.text(spoken())} {_('Reason')}: {deviation.reason}"
    if not deviation.weight:
        return said
    weight = WEIGHT_LABELS[Weight(deviation.weight)]
    return f"{said} {weight}: {deviation.judgement} ({deviation.judged_by})"


def _signature(signature: Signature) -> str:
    said = _("Signed by %(name)s (%(role)s), %(moment)s: %(meaning)s") % {
        "name": signature.signer_name,
        "role": role_labels(signature.role),
        "moment": moment(signature.signed_at),
        "meaning": signature.meaning,
    }
    if signature.lapsed_at is None:
        return said
    return f"{said}. {_('Lapsed on %(moment)s') % {'moment': moment(signature.lapsed_at)}}"


def _section(section: SectionView) -> Paper:
    return {"label": section.label, "items": [_item(field) for field in section.fields]}


def _item(field: FieldView) -> list[str]:
    """Label, value, and what is to be said of it."""
    notes = [
        _("not asked, given the other answers") if field.skipped else "",
        _("calculated") if field.derived else "",
        _("verified") if field.verified else "",
    ]
    return [field.label, field.shown or "–", "; ".join(filter(None, notes))]


def _named(form: Form, item: str) -> str:
    return item_label(form, item, spoken()) if form.has_item(item) else item


def _query(query: Query, about: str) -> Paper:
    """The question and all that was answered."""
    head = _("Query %(n)s") % {"n": query.number}
    return {
        "head": f"{head}, {about}: {query.get_status_display()}",
        "messages": [
            {"who": f"{message.by}, {moment(message.at)}", "text": message.shown(spoken())}
            for message in query.messages.all()
        ],
    }
