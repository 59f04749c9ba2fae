"""One form of one visit as a page shows it: what stands, who may write, what is asked, wanting, queried, verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.db.models import Q
from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from crf.actions.consequences import Consequence, preview
from crf.actions.entries import merged
from crf.casebook import FormLine, form_lines
from crf.layout.boxes import item_label, laid_out
from crf.layout.fields import FieldLink, FieldView, Marks, SectionView, build_fields, shown_value
from crf.layout.threads import AskView, PanelView, ThreadView
from crf.loaded_casebook import LoadedCasebook, casebook_around
from crf.models import ENTRY_STATUS_LABELS, EntryStatus, FormEntry, Freeze, Query, QueryStatus, Signature
from crf.monitoring import Plan, progress_words
from crf.places import CasebookPlace, FormPlace, spoken
from crf.policies import can_role_enter, entry_closed_reasons
from crf.threads import ASK, NOTHING, WHOLE, Named, ask_about, ask_about_form, threads_of
from crf.wording import wording_for
from trialmgr.protocol.casebook import Place, Unread, sources, unread
from trialmgr.protocol.evaluation import Evaluation, RowScope, Scope, evaluate_entry, evaluate_not_done, read, truth_of
from trialmgr.protocol.model import Form, ItemType, RowKey, StudyDefinition
from trialmgr.protocol.monitoring import Progress
from trialmgr.studies.queries import key_names, open_lock, timeline


class DangerView(NamedTuple):
    """A dangerous answer in words: which, and what is done at once."""

    key: str
    label: str
    message: str


@dataclass(frozen=True)
class Sheet:
    """``row``: None while a new row of a repeating form is being entered. ``entry``: None until first saved.

    ``sent``: keys of values in rows of groups that came in with a POST; ``wants_row``: one empty row more is asked for.
    ``named``: of queries, what the address asks for.
    """

    place: FormPlace
    row: int | None
    entry: FormEntry | None
    sent: tuple[str, ...] | None = None
    wants_row: bool = False
    named: Named = NOTHING

    @cached_property
    def begun(self) -> FormEntry | None:
        """What was entered; not what was taken out and may be entered anew."""
        return None if self.entry is None or self.entry.is_vacant else self.entry

    @cached_property
    def definition(self) -> StudyDefinition:
        """The version the values were entered under; the one in force for a form not yet begun."""
        return self.begun.study_version.definition if self.begun else self.place.fresh

    @cached_property
    def form(self) -> Form:
        return self.begun.form if self.begun else self.place.fresh_form

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Items that this person does not meet."""
        return frozenset(item.key for item in self.laid.items if not self.place.sight.item(item))

    @cached_property
    def laid(self) -> Form:
        """The form with its groups row by row: those that stand or came in, and an empty one to write in."""
        spare = self.wants_row or (self.sent is None and self.can_write)
        keys = [*self.data, *self.missing, *(self.sent or ())]
        return laid_out(self.form, keys, spare=spare, used=self.entry.rows_used if self.entry else None)

    @cached_property
    def data(self) -> dict[str, str]:
        """What stands in the boxes, also of questions that are not asked now: they may be again."""
        return self.entry.boxes[0] if self.entry else {}

    @cached_property
    def missing(self) -> dict[str, str]:
        return self.entry.boxes[1] if self.entry else {}

    @property
    def revision(self) -> int:
        return self.entry.revision if self.entry else 0

    @property
    def has_values(self) -> bool:
        """Then a change owes a reason."""
        return bool(self.data or self.missing)

    @cached_property
    def book(self) -> LoadedCasebook:
        return casebook_around(self.place.participant, self.form)

    @cached_property
    def evaluation(self) -> Evaluation:
        """What the definition says about the saved values."""
        if self.entry is not None and self.entry.not_done:
            slug = self.place.visit.slug
            return evaluate_not_done(self.definition, self.form, self.entry.not_done, self.book, slug)
        return self._evaluated(self.data, self.missing)

    def judged(self, values: Mapping[str, str], missing: Mapping[str, str]) -> Evaluation:
        """What it would say if the boxes were saved as they stand; both as ``read_submission`` gives them."""
        return self._evaluated(*merged(self.entry or FormEntry(), self.whole(values), self.whole(missing)))

    def _evaluated(self, values: Mapping[str, str], missing: Mapping[str, str]) -> Evaluation:
        return evaluate_entry(self.definition, self.form, values, missing, self.book, self.place.visit.slug)

    def whole(self, sent: Mapping[str, str]) -> dict[str, str]:
        """Every box of the page, the empty ones too: on a whole-form page an empty box means that nothing stands."""
        items = [item.key for item in self.laid.items if not item.is_derived and item.key not in self.hidden]
        return {key: sent.get(key, "") for key in items}

    def not_asked(self, evaluation: Evaluation) -> frozenset[str]:
        """Items of the page that do not apply, also those of a row that does not count yet because it is empty."""
        return evaluation.skipped | frozenset(self._not_asked_in_rows(evaluation) if self.form.groups else ())

    def _not_asked_in_rows(self, evaluation: Evaluation) -> Iterator[str]:
        known = {key: read(self.definition, self.form.item(key), raw) for key, raw in evaluation.values.items()}
        scope = Scope(self.definition, self.form, self.book, known, self.place.visit.slug)
        asked_if = {item.key: item.ask_if for item in self.laid.items if item.ask_if is not None}
        for key, rule in asked_if.items():
            row = RowKey.read(key)
            if row and truth_of(rule, RowScope(scope, self.form.groups[row.section], row.row)) is not True:
                yield key

    def dangers(self, evaluation: Evaluation) -> list[DangerView]:
        """What the definition marks as dangerous among these answers, as far as this person meets them."""
        seen = [problem for problem in evaluation.dangers if problem.item_key not in self.hidden]
        return [
            DangerView(str(one.item_key), item_label(self.form, str(one.item_key), spoken()), one.message(spoken()))
            for one in seen
        ]

    @cached_property
    def wanting(self) -> tuple[str, ...]:
        """Labels of the questions that still want an answer."""
        return tuple(item_label(self.form, key, spoken()) for key in self.wanted(self.evaluation))

    def wanted(self, evaluation: Evaluation) -> tuple[str, ...]:
        """Keys of the questions that want an answer and that this person meets."""
        return tuple(key for key in evaluation.wanting if key not in self.hidden)

    @cached_property
    def forms(self) -> tuple[FormLine, ...]:
        """This form and the others of the visit, as far as this person sees them."""
        return form_lines(self.place, self.place.visit)

    @cached_property
    def unread(self) -> tuple[str, ...]:
        """What its rules read on entries of another version that do not have it, as far as those are in sight."""
        place = self.place
        if self.begun is None or timeline().only:
            return ()
        read = {source.form for source in sources(self.form)}
        loaded = LoadedCasebook(place.participant, {self.form.key, *read})
        found = [one for one in unread(loaded.entered(), key_names()) if one.reader == self.begun.place]
        return tuple(self._unread(one) for one in found if self._sees(one.entry))

    def _sees(self, entry: Place) -> bool:
        sight, visit = self.place.sight, self.place.definition.visit(entry.visit.partition("-")[0])
        return entry.form in sight.forms and sight.visit(visit)

    def _unread(self, one: Unread) -> str:
        said = _(
            "%(form)s (%(visit)s) was entered under version %(version)s, which has no “%(item)s”: "
            "it counts as missing here."
        )
        definition = self.place.definition
        return said % {
            "form": definition.form(one.entry.form).label(spoken()),
            "visit": definition.visit(one.entry.visit.partition("-")[0]).label(spoken()),
            "version": one.version,
            "item": one.path[2],
        }

    @cached_property
    def may_enter(self) -> bool:
        place = self.place
        return place.may("entries.enter") and can_role_enter(place.user, place.visit, self.form)

    @cached_property
    def closed(self) -> tuple[str, ...]:
        """Every reason why nothing can be written here now."""
        reasons = entry_closed_reasons(self.place.visit, self.form, begun=self.begun is not None)
        if self.begun and self.begun.status == EntryStatus.REMOVED:
            reasons.append(_("This row has been removed."))
        if open_lock() is not None:
            reasons.append(_("The study is locked: a data manager can unlock it, with a reason."))
        return tuple(reasons)

    @property
    def can_write(self) -> bool:
        return self.may_enter and not self.closed

    @cached_property
    def queries(self) -> list[Query]:
        """Those on what was entered, and those on the form as a whole."""
        here = Q(visit=self.place.visit, form_key=self.place.form.key)
        here |= Q(entry=self.entry) if self.entry else Q()
        found = list(Query.objects.for_user(self.place.user).filter(here))
        for query in found:
            if query.entry_id is None:
                query.visit = self.place.visit
            else:
                query.entry = self.entry
        return found

    @cached_property
    def unclosed(self) -> list[Query]:
        return [query for query in self.queries if query.state is not QueryStatus.CLOSED]

    @cached_property
    def threads(self) -> dict[str, list[ThreadView]]:
        """By item: those that are not closed, and one that the address names."""
        seen = [query for query in self.queries if query.item not in self.hidden]
        shown = [query for query in seen if query.state is not QueryStatus.CLOSED or self.named.holds(query)]
        found = defaultdict(list)
        for query, thread in zip(shown, threads_of(self.place, shown), strict=True):
            found[query.item].append(thread)
        return found

    @cached_property
    def whole_threads(self) -> list[ThreadView]:
        """About the form as a whole, and about items that this page does not have."""
        here = {item.key for item in self.laid.items}
        return [thread for key, threads in self.threads.items() if key not in here for thread in threads]

    @cached_property
    def ask(self) -> AskView | None:
        """The box in which a query is raised, about what the address names."""
        key, entry, place = self.named.ask, self.entry, self.place
        if key == WHOLE and self._may_ask_whole:
            return ask_about_form(place)
        seen = {item.key for item in self.laid.items} - self.hidden
        if entry is None or key not in seen or not place.may("queries.raise"):
            return None
        return ask_about(place, entry, key)

    @property
    def whole_ask(self) -> AskView | None:
        return self.ask if self.named.ask == WHOLE else None

    @property
    def _may_ask_whole(self) -> bool:
        """As long as something is not there."""
        place = self.place
        is_awaited = (place.form.repeating and self.row is None) or self.begun is None
        return is_awaited and place.may("queries.raise") and place.form.key in place.visit.definition.forms

    def _whole_url(self, page: str) -> str:
        place = self.place
        return reverse(f"crf:{page}", args=[place.participant.number, place.visit.slug, place.form.key])

    @cached_property
    def panels(self) -> list[PanelView]:
        """Every panel of the page, each of which is sent by a form of its own."""
        threads = [thread for threads in self.threads.values() for thread in threads]
        return [*threads, *filter(None, [self.ask])]

    @cached_property
    def verified(self) -> frozenset[str]:
        if self.entry is None:
            return frozenset()
        return frozenset(self.entry.verifications.filter(stands=True).values_list("item", flat=True))

    @cached_property
    def verification(self) -> Progress | None:
        """How far what the plan wants verified is; None where it wants nothing."""
        if self.begun is None:
            return None
        plan, number = Plan(self.place.definition, self.place.sight), self.place.participant.number
        found = plan.progress(self.begun, self.verified, number)
        return found if found.planned else None

    @property
    def verified_words(self) -> str:
        return progress_words(self.verification) if self.verification else ""

    @cached_property
    def signatures(self) -> list[Signature]:
        return list(self.entry.signatures.all()) if self.entry else []

    @property
    def is_signed(self) -> bool:
        return any(signature.lapsed_at is None for signature in self.signatures)

    @property
    def url(self) -> str:
        """Where this sheet is shown and sent."""
        place = self.place
        if not place.form.repeating:
            return place.url
        return place.row_url("row", self.row) if self.row else f"{place.url}rows/new/"

    @property
    def live_url(self) -> str:
        """Where the page asks what follows from answers that are not saved yet."""
        return self.place.row_url("live", self.row) if self.row else f"{self.url}live/"

    @property
    def draft_url(self) -> str:
        """Where the page keeps what is typed and not saved yet."""
        return self.place.row_url("draft", self.row) if self.row else f"{self.url}draft/"

    @property
    def links(self) -> dict[str, str]:
        """Pages about the saved row that this person may open, by name."""
        if self.entry is None:
            return {}
        place, row = self.place, self.entry.occurrence
        complete = self.entry.status == EntryStatus.COMPLETE
        allowed = {
            "history": True,
            "sign": complete and not self.is_signed and place.may("entries.sign"),
            "verify": self.has_values and place.may("entries.verify"),
            "move": self.begun is not None and self.can_write,
            "remove": self.begun is not None and self.can_write,
        }
        return {page: place.row_url(page, row) for page, is_allowed in allowed.items() if is_allowed}

    @property
    def form_links(self) -> list[FieldLink]:
        """A question about the form as a whole, as long as something is not there; freezing it."""
        place, links = self.place, []
        if self._may_ask_whole:
            page = self._whole_url("rows") if place.form.repeating else place.url
            links.append(FieldLink(_("Raise a query"), f"{page}?ask={WHOLE}#{ASK}"))
        if place.may("entries.freeze"):
            label = _("Unfreeze the form") if self.is_frozen else _("Freeze the form")
            links.append(FieldLink(label, self._whole_url("freeze_form")))
        return links

    @property
    def is_frozen(self) -> bool:
        """This form at this visit, whatever else is."""
        visit, form = self.place.visit, self.place.form.key
        return Freeze.objects.standing().filter(visit=visit, form_key=form).exists()

    @property
    def recall_period(self) -> str:
        period = wording_for(self.definition).recall_period(self.form)
        return period(spoken()) if period else ""

    def sections(
        self,
        values: Mapping[str, str] | None = None,
        missing: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> tuple[SectionView, ...]:
        """The form's sections: as saved, or with what was typed, what follows from it and what is wrong with it."""
        evaluation = self.evaluation if values is None else self.judged(values, missing or {})
        derived = {key: value for key, value in evaluation.values.items() if self.form.item(key).is_derived}
        not_asked = self.not_asked(evaluation)
        return build_fields(
            self.definition,
            self.laid,
            self.data if values is None else {**derived, **values},
            self.missing if missing is None else missing,
            errors or {},
            spoken(),
            saved_values=self.data if self.has_values else None,
            saved_missing=self.missing if self.has_values else None,
            marks={item.key: self._marks(item.key, item.key in not_asked) for item in self.laid.items},
            hidden=self.hidden,
            wording=wording_for(self.definition),
        )

    def _marks(self, key: str, is_skipped: bool) -> Marks:
        here = [query for query in self.unclosed if query.item == key]
        return Marks(
            queries=len(here),
            verified=key in self.verified,
            skipped=is_skipped,
            links=tuple(self._links(key)),
            threads=tuple(self.threads.get(key, ())),
            ask=self.ask if key == self.named.ask else None,
        )

    def _links(self, key: str) -> list[FieldLink]:
        if self.entry is None:
            return []
        row = self.entry.occurrence
        links = [FieldLink(_("Open the file"), self.place.row_url("file", row, key))] if self._holds_file(key) else []
        if self.place.may("queries.raise"):
            links.append(FieldLink(_("Raise a query"), f"{self.url}?ask={key}#{ASK}"))
        if not self.can_write:
            links.append(FieldLink(_("History"), self.place.row_url("item_history", row, key)))
        return links

    def _holds_file(self, key: str) -> bool:
        return self.form.item(key).type is ItemType.FILE and key in self.data

    def answered(self) -> list[FieldView]:
        """Fields that hold a value that counts, or a reason for having none."""
        fields = [field for section in self.sections() for field in section.fields if not field.skipped]
        return [field for field in fields if field.value or field.missing_reason]


def open_sheet(place: FormPlace, row: int) -> Sheet:
    """The sheet of a saved row, or of row 1 of a form not yet begun; 404 for other rows."""
    entry = place.rows.filter(occurrence=row).first()
    if entry is None and (row != 1 or place.form.repeating):
        raise Http404
    if entry is not None:
        entry.visit = place.visit
    return Sheet(place, row, entry)


def follows_from(sheet: Sheet, values: Mapping[str, str], missing: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each value that would be otherwise, and for each form that would be complete no more, or again.

    Both as ``read_submission`` gives them. Nothing for a form that is entered for the first time, that is refused, or
    closed; and what follows on forms that the person never sees is not even worked out.
    """
    seen = any(sheet.place.sees_form(form) for form in sheet.book.forms or ())
    if sheet.entry is None or not seen or not sheet.can_write:
        return ()
    evaluation = sheet.judged(values, missing)
    if evaluation.problems:
        return ()
    place = sheet.place
    found = preview(sheet.book, sheet.entry, evaluation)
    return tuple(line for one in found if _is_seen(place, one) for line in _consequences(place, one))


def _is_seen(place: CasebookPlace, one: Consequence) -> bool:
    entry = one.entry
    seen = place.sees_form(entry.form_key) and place.sight.visit(entry.visit.definition)
    return seen and not (place.sight.blinded and entry.reveals_allocation)


def _consequences(place: CasebookPlace, one: Consequence) -> Iterator[str]:
    entry, language = one.entry, spoken()
    form, definition = entry.form, entry.study_version.definition
    where = f"{entry.visit.label(language)}, {form.label(language)}"
    for key in (key for key in one.changed if place.sight.item(form.item(key))):
        old, new = (
            shown_value(definition, form.item(key), held.get(key, ""), language) or _("no value")
            for held in (one.before.data, entry.data)
        )
        yield f"{where}: {item_label(form, key, language)}: {old} → {new}"
    if one.before.status != entry.status:
        yield f"{where}: {ENTRY_STATUS_LABELS[EntryStatus(entry.status)]}"
