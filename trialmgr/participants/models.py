from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models.functions import Length
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.acts import ActionRefused, current_act
from audit.models import TrackedModel, TrackedQuerySet
from trialmgr.participants.states import STATUS_LABELS, Status
from trialmgr.people.models import ScopedQuerySet, Site, User
from trialmgr.studies.models import StudyVersion


def by_number(participant: str = "") -> tuple[Any, ...]:
    """In order of number, site by site: of two numbers of a site the longer is the later, so 1000 comes after 999.

    ``participant``: how the participant is reached, such as ``visit__participant__``.
    """
    return (f"{participant}site__code", Length(f"{participant}number").asc(), f"{participant}number")


def check_not_voided(status: str) -> None:
    """Every act that holds a participant asks this first."""
    if status == Status.VOIDED:
        raise ActionRefused(gettext("This registration was voided: nothing is recorded of this number any more."))


class ParticipantQuerySet(ScopedQuerySet):
    def for_user(self, user: User) -> Self:
        """Participants of the user's sites; none for a role that looks at no participant."""
        return self.at_sites_of(user) if user.may("participants.view") else self.none()


class CountedParticipants(models.Manager["Participant"]):
    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(status=Status.VOIDED.value)


ParticipantManager = CountedParticipants.from_queryset(ParticipantQuerySet)


class Participant(TrackedModel):
    """One person in the trial, known by number alone. Never deleted.

    Whose registration was voided counts nowhere, so is not among ``objects`` but among ``every``.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="participants", verbose_name=_("site"))
    number = models.CharField(_("number"), max_length=20, unique=True)
    registered_on = models.DateField(_("registered on"))
    status = models.CharField(
        _("status"),
        max_length=20,
        choices=[(status.value, label) for status, label in STATUS_LABELS.items()],
        default=Status.SCREENING.value,
    )
    phase = models.CharField(_("phase"), max_length=40)
    enrolled_on = models.DateField(_("randomised on"), null=True)
    ended_on = models.DateField(_("ended on"), null=True)
    study_version = models.ForeignKey(StudyVersion, on_delete=models.PROTECT, related_name="participants")

    objects = ParticipantManager()
    every = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = by_number()
        verbose_name = _("participant")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=[status.value for status in Status]), name="participant_status_known"
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(status="voided")
                    | models.Q(ended_on=None, status__in=["screening", "on_study"])
                    | models.Q(ended_on__isnull=False, status__in=["screen_failure", "completed", "ended_early"])
                ),
                name="participant_end_has_date",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(enrolled_on=None, status__in=["screening", "screen_failure", "voided"])
                    | models.Q(enrolled_on__isnull=False, status__in=["on_study", "completed", "ended_early"])
                ),
                name="participant_enrolment_has_date",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def state(self) -> Status:
        return Status(self.status)

    def lock(self) -> None:
        """Read the row as it stands now and hold it until the transaction ends."""
        self.refresh_from_db(from_queryset=Participant.every.select_for_update(of=("self",)))
        check_not_voided(self.status)

    @property
    def is_active(self) -> bool:
        return self.state in {Status.SCREENING, Status.ON_STUDY}


class Consent(TrackedModel):
    """Informed consent given on a day for one version of the information; withdrawn on another, perhaps."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="consents")
    version = models.CharField(_("version"), max_length=40)
    given_on = models.DateField(_("given on"))
    taken_by = models.CharField(_("taken by"), max_length=150)
    withdrawn_on = models.DateField(_("withdrawn on"), null=True)

    objects = TrackedQuerySet["Consent"].as_manager()

    class Meta:
        ordering = ["given_on", "pk"]
        verbose_name = _("consent")
        constraints = [
            models.UniqueConstraint(fields=["participant", "version"], name="one_consent_a_version"),
            models.CheckConstraint(
                condition=models.Q(withdrawn_on=None) | models.Q(withdrawn_on__gte=models.F("given_on")),
                name="consent_withdrawn_after_given",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant} {self.version}"


class ContactDetails(models.Model):
    """Identifying data, encrypted with a key of its own, seen by the own site only, erasable: so not tracked."""

    participant = models.OneToOneField(Participant, on_delete=models.PROTECT, related_name="contact")
    sealed = models.BinaryField()

    class Meta:
        verbose_name = _("contact details")

    def __str__(self) -> str:
        return str(self.participant)

    def save(self, *args: Any, **kwargs: Any) -> None:
        current_act()
        super().save(*args, **kwargs)


class IdentityMark(models.Model):
    """A keyed hash of one identifying detail, to find the same person at another site. Erasable: so not tracked."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="identity_marks")
    kind = models.CharField(max_length=10)
    mark = models.CharField(max_length=64, db_index=True)

    class Meta:
        ordering = ["participant", "kind"]
        verbose_name = _("identity mark")
        constraints = [models.UniqueConstraint(fields=["participant", "kind"], name="one_identity_mark_a_kind")]

    def __str__(self) -> str:
        return f"{self.participant} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        current_act()
        super().save(*args, **kwargs)


class DifferentPerson(TrackedModel):
    """Two participants with the same identifying detail who are two people, and how that is known."""

    participant = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="told_apart")
    other = models.ForeignKey(Participant, on_delete=models.PROTECT, related_name="told_apart_by_other")
    reason = models.TextField(_("reason"))
    said_at = models.DateTimeField(_("said at"))
    said_by = models.CharField(_("said by"), max_length=150)

    append_only = True
    objects = TrackedQuerySet["DifferentPerson"].as_manager()

    class Meta:
        ordering = ["said_at", "pk"]
        verbose_name = _("different person")
        constraints = [models.UniqueConstraint(fields=["participant", "other"], name="told_apart_once")]

    def __str__(self) -> str:
        return f"{self.participant} {self.other}"
