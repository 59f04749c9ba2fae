from __future__ import annotations

import datetime
import enum
import hashlib
from typing import Any, Self, cast

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from audit.acts import current_act
from audit.ledger import canonical
from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.participants.models import Participant
from trialmgr.participants.queries import form_for, planned_as
from trialmgr.participants.states import Status
from trialmgr.people.models import ScopedQuerySet, Site, User
from trialmgr.people.visibility import Sight
from trialmgr.protocol.casebook import Entered, Place
from trialmgr.protocol.evaluation import Evaluation
from trialmgr.protocol.model import Form, VisitDefinition
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition

# ``section.row.item``: two keys of 40 characters and a row of up to four digits.
LONGEST_ITEM_KEY = 90


class CasebookQuerySet(ScopedQuerySet):
    """Rows of the casebook, cut to the sites and to the sight of the person who reads."""

    form_path: str | None = None
    revealing_path: str

    def for_user(self, user: User) -> Self:
        if not user.may("entries.view"):
            return self.none()
        return self.at_sites_of(user).in_sight(user.sight(current_definition()))

    def counted(self) -> Self:
        """Without those whose registration was voided: their casebooks are read one by one, and count nowhere."""
        return self.exclude(**{f"{self.site_path.removesuffix('site')}status": Status.VOIDED.value})

    def in_sight(self, sight: Sight) -> Self:
        rows = self if self.form_path is None else self.filter(**{f"{self.form_path}__in": sight.forms})
        return rows.filter(**{self.revealing_path: False}) if sight.blinded else rows


class VisitQuerySet(CasebookQuerySet):
    site_path = "participant__site"
    revealing_path = "reveals_allocation"


class StandingManager(models.Manager[Any]):
    """Rows that were not taken back; the others stand in the history and for those who ask ``_base_manager``."""

    def get_queryset(self) -> Any:
        return super().get_queryset().filter(taken_back_at=None)


VisitManager = StandingManager.from_queryset(VisitQuerySet)


class Visit(TrackedModel):
    """One visit (study event) of one participant: planned day and window, and the day it took place.

    ``slug``: how pages, API and exports name the visit: its key, with the ordinal where it returns.
    ``taken_back_at``: when the decision that had planned it was taken back; decided again, it is planned anew.
    """

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="visits")
    key = models.CharField(max_length=40)
    ordinal = models.PositiveIntegerField(default=1)
    slug = models.CharField(max_length=60)
    phase = models.CharField(max_length=40)
    reveals_allocation = models.BooleanField(default=False)
    target_on = models.DateField(_("planned for"), null=True)
    earliest_on = models.DateField(_("earliest"), null=True)
    latest_on = models.DateField(_("latest"), null=True)
    took_place_on = models.DateField(_("took place on"), null=True)
    not_done_reason = models.TextField(_("reason it did not take place"), blank=True)
    taken_back_at = models.DateTimeField(null=True)

    objects = VisitManager()

    class Meta:
        ordering = ["participant", "target_on", "pk"]
        verbose_name = _("visit")
        constraints = [
            models.UniqueConstraint(fields=["participant", "key", "ordinal"], name="one_visit_an_ordinal"),
            models.UniqueConstraint(fields=["participant", "slug"], name="one_visit_a_slug"),
            models.CheckConstraint(
                condition=models.Q(took_place_on=None) | models.Q(not_done_reason=""), name="visit_done_or_not_done"
            ),
            models.CheckConstraint(
                condition=models.Q(taken_back_at=None) | models.Q(took_place_on=None, not_done_reason=""),
                name="visit_taken_back_untouched",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} {self.slug}"

    @cached_property
    def definition(self) -> VisitDefinition:
        """By the version in force on its day. Whoever loads many visits sets it on each, see ``crf.queries``."""
        return planned_as(self.participant, self.key, self.took_place_on)

    @property
    def is_not_done(self) -> bool:
        return self.not_done_reason != ""

    def in_window(self, day: datetime.date) -> bool:
        return (self.earliest_on is None or self.earliest_on <= day) and (
            self.latest_on is None or day <= self.latest_on
        )

    def label(self, language: str) -> str:
        text = self.definition.label(language)
        return f"{text} {self.ordinal}" if self.definition.repeat or self.ordinal > 1 else text


class EntryStatus(enum.StrEnum):
    INCOMPLETE = "incomplete"
    COMPLETE = "complete"
    REMOVED = "removed"


ENTRY_STATUS_LABELS = {
    EntryStatus.INCOMPLETE: _("Incomplete"),
    EntryStatus.COMPLETE: _("Complete"),
    EntryStatus.REMOVED: _("Removed"),
}


class EntryQuerySet(CasebookQuerySet):
    site_path = "visit__participant__site"
    form_path = "form_key"
    revealing_path = "reveals_allocation"

    def standing(self) -> Self:
        return self.exclude(status=EntryStatus.REMOVED.value)

    def with_version(self) -> Self:
        """Without the long document, of which the parsed one is at hand."""
        return self.select_related("study_version").defer("study_version__document")


class FormEntry(TrackedModel):
    """One filled-in form: one row with one document of canonical strings.

    ``data``: item key -> canonical value, derived items included. ``missing``: item key -> code of the reason.
    ``unasked``: what people entered on questions that are not asked as the casebook stands, see ``Evaluation``.
    ``rows_used``: by group, the highest row that was ever answered; no number up to it is given out again.
    ``not_done``: the code of the reason why the whole form was not done, or "".
    People's entering raises the ``revision``; what follows from another form changes the document and leaves it.
    ``reveals_allocation``: the form or its visit does. Revealing *items* are cut from the document on reading.
    """

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="entries")
    form_key = models.CharField(max_length=40)
    occurrence = models.PositiveIntegerField(_("row"), default=1)
    reveals_allocation = models.BooleanField(default=False)
    study_version = models.ForeignKey(StudyVersion, on_delete=models.PROTECT, related_name="entries")
    versions_seen = models.JSONField(default=list)
    status = models.CharField(
        _("status"),
        max_length=12,
        choices=[(status.value, label) for status, label in ENTRY_STATUS_LABELS.items()],
        default=EntryStatus.INCOMPLETE.value,
    )
    data = models.JSONField(default=dict)
    missing = models.JSONField(default=dict)
    unasked = models.JSONField(default=dict)
    rows_used = models.JSONField(default=dict)
    not_done = models.CharField(_("reason why the whole form was not done"), max_length=40, blank=True)
    revision = models.PositiveIntegerField(default=0)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["visit", "form_key", "occurrence"]
        verbose_name = _("form entry")
        indexes = [models.Index(fields=["status", "form_key"], name="entry_by_status")]
        constraints = [
            models.UniqueConstraint(fields=["visit", "form_key", "occurrence"], name="one_entry_an_occurrence"),
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in EntryStatus]), name="entry_status_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.visit} {self.form_key} {self.occurrence}"

    @property
    def form(self) -> Form:
        return form_for(self.visit.participant, self.study_version.definition, self.form_key)

    @property
    def is_vacant(self) -> bool:
        """It was taken out and may be entered anew, unlike a row, whose number is never used again."""
        return self.status == EntryStatus.REMOVED and not self.form.repeating

    @property
    def participant(self) -> Participant:
        return self.visit.participant

    @property
    def place(self) -> Place:
        return Place(self.visit.slug, self.form_key, self.occurrence)

    @property
    def entered(self) -> Entered:
        """What people entered, asked now or not: of this all else is worked out."""
        form = self.form
        if self.not_done:
            return Entered(self.place, self.study_version.definition, form, {}, {}, self.not_done)
        values, missing = self.boxes
        entered = {
            key: value for key, value in values.items() if not form.has_item(key) or not form.item(key).is_derived
        }
        return Entered(self.place, self.study_version.definition, form, entered, missing)

    @property
    def boxes(self) -> tuple[dict[str, str], dict[str, str]]:
        """Values and reasons for missing, also those of questions that are not asked now."""
        values = {key: kept["value"] for key, kept in self.unasked.items() if "value" in kept}
        missing = {key: kept["missing"] for key, kept in self.unasked.items() if "missing" in kept}
        return {**self.data, **values}, {**self.missing, **missing}

    def take(self, evaluation: Evaluation) -> None:
        """Keep what an evaluation came to."""
        self.data, self.missing, self.unasked = (
            dict(evaluation.values),
            dict(evaluation.missing),
            dict(evaluation.unasked),
        )
        self.status = (EntryStatus.COMPLETE if evaluation.is_complete else EntryStatus.INCOMPLETE).value

    @property
    def answered(self) -> tuple[str, ...]:
        """Keys of the questions that were answered, asked now or not."""
        return (*self.data, *self.missing, *self.unasked)

    def use_rows(self) -> None:
        """Remember the rows that stand."""
        for group in self.form.groups.values():
            newest = max(group.rows(self.answered), default=0)
            self.rows_used = self.rows_used | {group.key: max(newest, self.rows_used.get(group.key, 0))}

    @property
    def name(self) -> str:
        """What the audit trail calls this entry."""
        return entry_name(self.visit, self.form_key, self.occurrence)

    @property
    def digest(self) -> str:
        """Hex SHA-256 over exactly what a signature signs."""
        content = [self.name, self.study_version.sha256, self.status, self.data, self.missing]
        return hashlib.sha256(canonical(content)).hexdigest()

    def item_digest(self, item: str) -> str:
        content = [self.name, item, self.data.get(item), self.missing.get(item)]
        return hashlib.sha256(canonical(content)).hexdigest()


def entry_name(visit: Visit, form_key: str, occurrence: int) -> str:
    return f"{visit.participant.number}/{visit.slug}/{form_key}/{occurrence}"


class StoredFile(models.Model):
    """A file that answers an item, encrypted, once for each content. Never changed (a trigger holds that).

    Read only through an entry whose document names it, so that the sight of the entry holds for the file too.
    """

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="files")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField(_("size in bytes"))
    sealed = models.BinaryField()
    stored_at = models.DateTimeField(_("stored at"))
    stored_by = models.CharField(_("stored by"), max_length=150)

    append_only = True

    class Meta:
        ordering = ["stored_at", "pk"]
        verbose_name = _("file")
        constraints = [models.UniqueConstraint(fields=["participant", "sha256"], name="one_file_a_content")]

    def __str__(self) -> str:
        return f"{self.participant} {self.sha256[:12]}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        current_act()
        super().save(*args, **kwargs)


class Draft(models.Model):
    """What somebody typed on a form and has not saved: encrypted, its author's own, no record of the trial.

    ``occurrence``: the row, 0 for one not yet begun. ``slot`` names the page on which it was typed, so that two windows
    never write over one another; ``turn`` counts how often it was kept. ``revision``: of the entry, as it was then.
    Read through ``crf.drafts`` only.
    """

    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="drafts")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="drafts")
    form_key = models.CharField(max_length=40)
    occurrence = models.PositiveIntegerField(_("row"))
    slot = models.CharField(max_length=32)
    turn = models.PositiveIntegerField(default=1)
    study_version = models.ForeignKey(StudyVersion, on_delete=models.PROTECT, related_name="drafts")
    revision = models.PositiveIntegerField()
    sealed = models.BinaryField()
    typed_at = models.DateTimeField(_("typed at"), db_index=True)

    class Meta:
        ordering = ["-typed_at", "-pk"]
        verbose_name = _("draft")
        constraints = [
            models.UniqueConstraint(
                fields=["author", "visit", "form_key", "occurrence", "slot"], name="one_draft_a_page"
            )
        ]

    def __str__(self) -> str:
        return f"{self.author} {self.visit} {self.form_key} {self.occurrence}"

    @property
    def name(self) -> str:
        """What the audit trail calls the place at which it was typed."""
        return entry_name(self.visit, self.form_key, self.occurrence)

    @property
    def token(self) -> str:
        """Names it as it is now; what was typed on since has another one."""
        return f"{self.slot}:{self.turn}"

    @property
    def bound_to(self) -> bytes:
        """What is encrypted here can be read nowhere else."""
        return repr((self.author_id, self.visit_id, self.form_key, self.occurrence, self.slot)).encode()


class PartOfEntryQuerySet(CasebookQuerySet):
    """Rows keyed (entry, item); those on an item that reveals the allocation are revealing too."""

    site_path = "entry__visit__participant__site"
    form_path = "entry__form_key"
    revealing_path = "reveals_allocation"


class QueryStatus(enum.StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


QUERY_STATUS_LABELS = {
    QueryStatus.OPEN: _("Open"),
    QueryStatus.ANSWERED: _("Answered"),
    QueryStatus.CLOSED: _("Closed"),
}

# action -> (states it starts from, state it leads to)
QUERY_TRANSITIONS: dict[str, tuple[frozenset[QueryStatus | None], QueryStatus]] = {
    "query.raised": (frozenset({None}), QueryStatus.OPEN),
    "query.answered": (frozenset({QueryStatus.OPEN}), QueryStatus.ANSWERED),
    "query.reopened": (frozenset({QueryStatus.ANSWERED, QueryStatus.CLOSED}), QueryStatus.OPEN),
    "query.closed": (frozenset({QueryStatus.OPEN, QueryStatus.ANSWERED}), QueryStatus.CLOSED),
}


class QueryQuerySet(CasebookQuerySet):
    """Queries on items of entries, on forms that were not entered, and on visits."""

    revealing_path = "reveals_allocation"

    def at_sites_of(self, user: User) -> Self:
        return self.all() if user.works_everywhere else self.about(participant__site__in=user.site_ids())

    def in_sight(self, sight: Sight) -> Self:
        """A visit as a whole has no form; whether it is in sight, it says itself."""
        seen = models.Q(entry__form_key__in=sight.forms) | models.Q(entry=None, form_key__in={*sight.forms, ""})
        return super().in_sight(sight).filter(seen)

    def counted(self) -> Self:
        return self.exclude(on_visit(participant__status=Status.VOIDED.value))

    def about(self, **of_visit: Any) -> Self:
        """Those whose visit is such."""
        return self.filter(on_visit(**of_visit))


def on_visit(**of_visit: Any) -> models.Q:
    """Of a query: the visit of its entry is such, or the visit that it is about itself."""
    by_entry = {f"entry__visit__{path}": value for path, value in of_visit.items()}
    return models.Q(**by_entry) | models.Q(**{f"visit__{path}": value for path, value in of_visit.items()})


def of_query(path: str) -> Coalesce:
    """For reading many queries at once: a field of the visit, whichever way the query is tied to it."""
    return Coalesce(f"entry__visit__{path}", f"visit__{path}")


class Query(TrackedModel):
    """A question about one item of an entry, asked now or not; about a form that was not entered; or about a visit.

    ``entry`` and ``item``, or ``visit`` and ``form_key``, which is "" for the visit as a whole. A question about a form
    stays one when the form is entered. ``check_key`` names the edit check that raised it, if one did. ``assigned_to``
    says who was to deal with it; whether that person still can, ``crf.turns`` knows.
    """

    entry = models.ForeignKey(FormEntry, on_delete=models.PROTECT, null=True, related_name="queries")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, related_name="queries")
    form_key = models.CharField(max_length=40, blank=True)
    number = models.PositiveIntegerField(_("number"))
    item = models.CharField(_("item"), max_length=LONGEST_ITEM_KEY, blank=True)
    reveals_allocation = models.BooleanField(default=False)
    check_key = models.CharField(_("edit check"), max_length=80, blank=True)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=[(status.value, label) for status, label in QUERY_STATUS_LABELS.items()],
        default=QueryStatus.OPEN.value,
    )
    raised_at = models.DateTimeField(_("raised at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    assigned_to = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="assigned_queries", verbose_name=_("assigned to")
    )

    objects = QueryQuerySet.as_manager()
    assignee: User | None = None  # as ``crf.turns.with_assignees`` found it

    class Meta:
        ordering = ["entry", "visit", "form_key", "number"]
        verbose_name = _("query")
        constraints = [
            models.UniqueConstraint(fields=["entry", "number"], name="query_number_within_entry"),
            models.UniqueConstraint(fields=["visit", "form_key", "number"], name="query_number_within_visit"),
            models.CheckConstraint(
                condition=models.Q(entry__isnull=False, visit=None, form_key="")
                | models.Q(entry=None, visit__isnull=False, item=""),
                name="query_on_entry_or_visit",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_at=None, status__in=["open", "answered"])
                | models.Q(closed_at__isnull=False, status="closed"),
                name="query_closed_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.number}"

    @property
    def name(self) -> str:
        """What the audit trail calls that which it is about."""
        visit = f"{self.of_visit.participant.number}/{self.of_visit.slug}"
        return self.entry.name if self.entry else "/".join(filter(None, (visit, self.form_key)))

    @property
    def of_visit(self) -> Visit:
        return cast(Visit, self.entry.visit if self.entry else self.visit)

    @property
    def of_form(self) -> str:
        """Key of the form, "" for the visit as a whole."""
        return self.entry.form_key if self.entry else self.form_key

    @property
    def row(self) -> int | None:
        """Of the entry; a form that was not entered and a visit have none."""
        return self.entry.occurrence if self.entry else None

    @property
    def state(self) -> QueryStatus:
        return QueryStatus(self.status)


class QueryMessage(TrackedModel):
    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="messages")
    at = models.DateTimeField(_("time"))
    by = models.CharField(_("who"), max_length=150)
    text = models.TextField(_("text"))
    # By language, where an edit check speaks; ``by`` is then whose save made it speak. Empty where a person wrote.
    check_texts = models.JSONField(_("text of the edit check"), default=dict)

    append_only = True
    objects = TrackedQuerySet["QueryMessage"].as_manager()

    class Meta:
        ordering = ["at", "pk"]
        verbose_name = _("query message")

    def __str__(self) -> str:
        return self.text[:40]

    def shown(self, language: str) -> str:
        return str(self.check_texts.get(language, self.text))


class Verification(TrackedModel):
    """A monitor has held one value against its source. It falls when the value changes."""

    entry = models.ForeignKey(FormEntry, on_delete=models.PROTECT, related_name="verifications")
    item = models.CharField(_("item"), max_length=LONGEST_ITEM_KEY)
    reveals_allocation = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    verified_at = models.DateTimeField(_("verified at"))
    verified_by = models.CharField(_("verified by"), max_length=150)
    stands = models.BooleanField(default=True)

    objects = PartOfEntryQuerySet.as_manager()

    class Meta:
        ordering = ["entry", "item"]
        verbose_name = _("source data verification")
        constraints = [models.UniqueConstraint(fields=["entry", "item"], name="one_verification_an_item")]

    def __str__(self) -> str:
        return f"{self.entry} {self.item}"


class SignatureQuerySet(CasebookQuerySet):
    site_path = "entry__visit__participant__site"
    form_path = "entry__form_key"
    revealing_path = "entry__reveals_allocation"


class Signature(TrackedModel):
    """An electronic signature on exactly this content. It lapses when the content changes; the row stays.

    Source: 21 CFR Part 11 11.50 (name, time, meaning), 11.70 (bound to the record).
    """

    entry = models.ForeignKey(FormEntry, on_delete=models.PROTECT, related_name="signatures")
    signer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="signatures")
    signer_name = models.CharField(_("signed by"), max_length=150)
    role = models.CharField(_("role"), max_length=200)
    meaning = models.CharField(_("meaning"), max_length=200)
    signed_at = models.DateTimeField(_("signed at"))
    digest = models.CharField(max_length=64)
    lapsed_at = models.DateTimeField(_("lapsed at"), null=True)

    objects = SignatureQuerySet.as_manager()

    class Meta:
        ordering = ["signed_at", "pk"]
        verbose_name = _("signature")
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "role"], condition=models.Q(lapsed_at=None), name="one_standing_signature_a_role"
            )
        ]

    def __str__(self) -> str:
        return f"{self.entry} {self.signer_name}"


class Weight(enum.StrEnum):
    MAJOR = "major"
    MINOR = "minor"
    NONE = "none"


WEIGHT_LABELS = {
    Weight.MAJOR: _("Major"),
    Weight.MINOR: _("Minor"),
    Weight.NONE: _("No deviation"),
}


class DeviationQuerySet(CasebookQuerySet):
    site_path = "visit__participant__site"
    revealing_path = "reveals_allocation"


class ProtocolDeviation(TrackedModel):
    """Days that do not go together as the protocol wants, why, and how an investigator weighs that.

    ``rule`` and ``about`` (the days, and what else it is about): the finding of ``protocol.chronology`` that was
    answered; with another day there is another finding. ``texts``: what was found, by language.
    """

    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, related_name="deviations")
    rule = models.CharField(_("rule"), max_length=20)
    about = models.CharField(max_length=250)
    texts = models.JSONField(_("text"), default=dict)
    reveals_allocation = models.BooleanField(default=False)
    reason = models.TextField(_("reason"))
    weight = models.CharField(
        _("weight"),
        max_length=10,
        choices=[(weight.value, label) for weight, label in WEIGHT_LABELS.items()],
        blank=True,
    )
    judged_at = models.DateTimeField(_("judged at"), null=True)
    judged_by = models.CharField(_("judged by"), max_length=150, blank=True)
    judgement = models.TextField(_("reason of the judgement"), blank=True)

    objects = DeviationQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("protocol deviation")
        constraints = [
            models.UniqueConstraint(fields=["visit", "rule", "about"], name="one_deviation_a_finding"),
            models.CheckConstraint(
                condition=models.Q(weight="", judged_at=None, judged_by="")
                | models.Q(weight__in=["major", "minor", "none"], judged_at__isnull=False) & ~models.Q(judged_by=""),
                name="deviation_weighed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.visit} {self.rule}"

    def text(self, language: str) -> str:
        return str(self.texts[language])


class FreezeQuerySet(TrackedQuerySet["Freeze"]):
    def standing(self) -> Self:
        return self.filter(unfrozen_at=None)

    def over_casebook(self, participant: str = "pk", site: str = "site") -> Self:
        """For ``Exists``: those that stand over the whole casebook of a row of the outer query."""
        whole = models.Q(participant=models.OuterRef(participant)) | models.Q(site=models.OuterRef(site))
        return self.standing().filter(whole)


class Freeze(TrackedModel):
    """A site, a casebook, a visit or a form at a visit is frozen: nobody changes a value until it is unfrozen.

    It binds people. What is worked out from values elsewhere goes on following them, and who froze is told of it until
    they have seen it (``noticed_at``). Of a form all rows are frozen, those still to come among them.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, null=True, related_name="freezes")
    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, null=True, related_name="freezes")
    visit = models.ForeignKey(Visit, on_delete=models.PROTECT, null=True, related_name="freezes")
    form_key = models.CharField(max_length=40, blank=True)
    frozen_at = models.DateTimeField(_("frozen at"))
    frozen_by = models.CharField(_("frozen by"), max_length=150)
    # Empty on freezes from before it was kept: then everybody who may freeze is told.
    freezer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="freezes")
    noticed_at = models.DateTimeField(_("seen at"), null=True)
    noticed_by = models.CharField(_("seen by"), max_length=150, blank=True)
    unfrozen_at = models.DateTimeField(_("unfrozen at"), null=True)
    unfrozen_by = models.CharField(_("unfrozen by"), max_length=150, blank=True)

    objects = FreezeQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("freeze")
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=models.Q(unfrozen_at=None), name="one_standing_freeze"
            ),
            models.UniqueConstraint(
                fields=["site"], condition=models.Q(unfrozen_at=None), name="one_standing_freeze_a_site"
            ),
            models.UniqueConstraint(
                fields=["visit", "form_key"], condition=models.Q(unfrozen_at=None), name="one_standing_freeze_a_form"
            ),
            models.CheckConstraint(
                condition=models.Q(site__isnull=False, participant=None, visit=None, form_key="")
                | models.Q(site=None, participant__isnull=False, visit=None, form_key="")
                | models.Q(site=None, participant=None, visit__isnull=False),
                name="freeze_over_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(unfrozen_at=None, unfrozen_by="")
                | models.Q(unfrozen_at__isnull=False) & ~models.Q(unfrozen_by=""),
                name="unfreezing_has_who_and_when",
            ),
            models.CheckConstraint(
                condition=models.Q(noticed_at=None, noticed_by="")
                | models.Q(noticed_at__isnull=False) & ~models.Q(noticed_by=""),
                name="freeze_seen_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def casebook(self) -> Participant | None:
        """Whose it is; None where a site is frozen."""
        return self.visit.participant if self.visit else self.participant

    @property
    def of_site(self) -> Site:
        return self.site or cast(Participant, self.casebook).site

    @property
    def name(self) -> str:
        """What the audit trail calls that which is frozen."""
        if self.site is not None:
            return self.site.code
        visit = [self.visit.slug] if self.visit else []
        return "/".join(filter(None, [cast(Participant, self.casebook).number, *visit, self.form_key]))

    @property
    def reveals_allocation(self) -> bool:
        if self.visit is None:
            return False
        definition = current_definition()
        form = definition.form(self.form_key) if definition.has_form(self.form_key) else None
        return self.visit.reveals_allocation or bool(form and form.reveals_allocation)


class EligibilityDecision(TrackedModel):
    """An investigator's judgement on the criteria of one version; the newest one counts."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="eligibility_decisions")
    criteria_version = models.CharField(_("version of the criteria"), max_length=20)
    eligible = models.BooleanField(_("eligible"))
    not_met = models.JSONField(_("criteria not met"), default=list)
    # Empty on judgements given before these were kept.
    inputs = models.JSONField(_("values the rules read"), default=dict)
    decided_at = models.DateTimeField(_("decided at"))
    decided_by = models.CharField(_("decided by"), max_length=150)
    digest = models.CharField(max_length=64)

    append_only = True
    objects = TrackedQuerySet["EligibilityDecision"].as_manager()

    class Meta:
        ordering = ["decided_at", "pk"]
        verbose_name = _("eligibility decision")

    def __str__(self) -> str:
        return f"{self.participant} {self.eligible}"


GateDecisionManager = StandingManager.from_queryset(TrackedQuerySet)


class GateDecision(TrackedModel):
    """The decision whether a phase opens, by the definition's own rule on the data as they stood.

    Taken back, it counts nowhere and the phase can be decided again; the row stays.
    """

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="gate_decisions")
    phase = models.CharField(_("phase"), max_length=40)
    opened = models.BooleanField(_("opened"))
    rule = models.TextField(_("rule"))
    inputs = models.JSONField(_("values the rule read"), default=dict)
    decided_at = models.DateTimeField(_("decided at"))
    decided_by = models.CharField(_("decided by"), max_length=150)
    taken_back_at = models.DateTimeField(_("taken back at"), null=True)
    taken_back_by = models.CharField(_("taken back by"), max_length=150, blank=True)

    objects = GateDecisionManager()

    class Meta:
        ordering = ["decided_at", "pk"]
        verbose_name = _("phase decision")
        constraints = [
            models.UniqueConstraint(
                fields=["participant", "phase"], condition=models.Q(taken_back_at=None), name="one_decision_a_phase"
            ),
            models.CheckConstraint(
                condition=models.Q(taken_back_at=None, taken_back_by="")
                | models.Q(taken_back_at__isnull=False) & ~models.Q(taken_back_by=""),
                name="decision_taken_back_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} {self.phase} {self.opened}"


class JudgementConfirmation(TrackedModel):
    """An investigator lets a judgement stand that the values contradict; ``digest``: against just these values."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="judgement_confirmations")
    judgement = models.CharField(_("judgement"), max_length=60)
    digest = models.CharField(max_length=64)
    reason = models.TextField(_("reason"))
    confirmed_at = models.DateTimeField(_("confirmed at"))
    confirmed_by = models.CharField(_("confirmed by"), max_length=150)

    append_only = True
    objects = TrackedQuerySet["JudgementConfirmation"].as_manager()

    class Meta:
        ordering = ["confirmed_at", "pk"]
        verbose_name = _("confirmation of a judgement")

    def __str__(self) -> str:
        return f"{self.participant} {self.judgement}"
