from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.forms.boundfield import BoundField
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from randomization.methods.comparison.choices import OWN, asked_for, designs_to_compare
from randomization.methods.comparison.expectations import recruitment_of
from randomization.methods.comparison.figures import TRIALS, label
from randomization.methods.definition import design_of, factor_label, factors_of
from randomization.methods.designs import name_of
from randomization.methods.findings import DesignRefused
from randomization.methods.lists.extensions import wanted_lengths
from randomization.methods.lists.rows import LONGEST_LIST
from randomization.queries.comparison import observed_shares
from trialmgr.people.forms import ActForm as RefusableForm
from trialmgr.people.forms import DayField, ReasonForm
from trialmgr.protocol.model import Language, StudyDefinition

LARGEST_CAP = 100_000


class OnceForm(forms.Form):
    """The key of one opening of the page: sending it twice randomises once."""

    idempotency_key = forms.CharField(
        widget=forms.HiddenInput,
        max_length=32,
        validators=[RegexValidator(r"^[0-9a-f]{32}$")],
        initial=lambda: uuid.uuid4().hex,
    )


class ActForm(RefusableForm):
    """An act that asks for nothing but a yes."""


class EnvelopeForm(ReasonForm):
    """What stands on the envelope, and when and by whom it was opened."""

    envelope = forms.CharField(
        label=_("Envelope"), help_text=_("The name printed on it, such as 1-C-04."), max_length=30
    )
    opened_on = DayField(label=_("Day on which it was opened"))
    opened_time = forms.TimeField(
        label=_("Time at which it was opened"),
        help_text=_("On the clock at the site, such as 14:05."),
        input_formats=["%H:%M"],
    )
    opened_by = forms.CharField(label=_("Opened by"), max_length=150)
    field_order = ["envelope", "opened_on", "opened_time", "opened_by", "reason"]

    def act(self) -> dict[str, Any]:
        """What ``enter_envelope`` is told."""
        given = self.cleaned_data
        opened_at = timezone.make_aware(datetime.datetime.combine(given["opened_on"], given["opened_time"]))
        return {"opened_at": opened_at} | {name: given[name] for name in ("envelope", "opened_by", "reason")}


class CorrectionForm(ReasonForm):
    """``levels``: factor -> the levels it can have; ``labels``: factor -> what people read."""

    level = forms.ChoiceField(label=_("The true level"))
    field_order = ["level", "reason"]

    def __init__(
        self, *args: Any, levels: Mapping[str, Sequence[str]], labels: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        pairs = [(factor, level) for factor, of_factor in levels.items() for level in of_factor]
        named = [(f"{factor}={level}", f"{labels[factor]}: {level}") for factor, level in pairs]
        choices = [("", "–"), *named]
        self.fields["level"] = forms.ChoiceField(label=self.fields["level"].label, choices=choices)

    def act(self) -> dict[str, str]:
        """What ``correct_stratum`` is told."""
        factor, _equals, level = self.cleaned_data["level"].partition("=")
        return {"factor": factor, "corrected": level, "reason": self.cleaned_data["reason"]}


class CapForm(ReasonForm):
    participants = forms.IntegerField(
        label=_("Most participants"),
        min_value=0,
        max_value=LARGEST_CAP,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "tm-input--number"}),
    )
    field_order = ["participants", "reason"]


class ExtendForm(ReasonForm):
    """More rows: for every stratum, or for those named."""

    to = forms.IntegerField(
        label=_("Rows in each stratum"),
        help_text=_("Of strata that are shorter. Left out: the number in the study definition."),
        required=False,
        min_value=1,
        max_value=LONGEST_LIST,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "tm-input--number"}),
    )
    strata = forms.CharField(
        label=_("Strata with a number of their own"),
        help_text=_("One a line, such as site=UMCG=240. Without a number above, only these are extended."),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    field_order = ["to", "strata", "reason"]

    def act(self) -> dict[str, Any]:
        """What ``extend_list`` is told. Raises DesignRefused for a line that cannot be read."""
        given = self.cleaned_data
        each = wanted_lengths(line for line in given["strata"].splitlines() if line.strip())
        return {"reason": given["reason"], "to": given["to"], "each": each}


class ImportForm(RefusableForm):
    """A file that is read in memory alone: a larger one would be laid on the disk."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV with a column for each factor, position, arm and, where there are blocks, block."),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        error_messages={"required": _("Choose the file. After signing in again it has to be chosen anew.")},
    )

    def clean_file(self) -> bytes:
        given = self.cleaned_data["file"]
        if given.size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            raise forms.ValidationError(_("This file is too large for the page: import it with the command."))
        content: bytes = given.read()
        return content


class PackForm(RefusableForm):
    """Which envelopes to print."""

    site = forms.ChoiceField(label=_("Site"), required=False)

    def __init__(self, *args: Any, sites: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("All sites")), *sites]
        self.fields["site"] = forms.ChoiceField(label=self.fields["site"].label, required=False, choices=choices)


MOST_ALLOCATIONS = 4_000_000
"""Simulated in one request: participants times trials, about two seconds' work and 300 MB."""

MOST_DESIGNS = 20


class Boxes(forms.CheckboxSelectMultiple):
    use_fieldset = True

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("randomization/comparison/boxes.html", self.get_context(name, value, attrs))


class NumberField(forms.IntegerField):
    """A whole number in a plain text box."""

    def __init__(self, **options: Any) -> None:
        box = forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "class": "tm-input tm-input--number"}
        )
        super().__init__(widget=box, **options)


class ComparisonForm(forms.Form):
    """``cleaned_data`` holds ``asked`` (the designs) and ``recruitment`` besides what was typed."""

    participants = NumberField(label=_("Participants in a trial"), min_value=1, max_value=10_000)
    simulations = NumberField(
        label=_("Trials to simulate for each design"), min_value=1, max_value=100_000, initial=TRIALS
    )
    designs = forms.MultipleChoiceField(label=_("Designs"), widget=Boxes, required=False)
    more = forms.CharField(
        label=_("Other designs"),
        max_length=400,
        required=False,
        widget=forms.TextInput(attrs={"class": "tm-input tm-input--text", "autocomplete": "off"}),
        help_text=_("Separated by spaces, such as: blocks:8 blocks:4x2,6 urn:1,1 biased_coin:2/3"),
    )
    seed = forms.CharField(
        label=_("Seed"),
        max_length=60,
        widget=forms.TextInput(attrs={"class": "tm-input tm-input--text", "autocomplete": "off"}),
        help_text=_("Any text. The same seed gives the same figures again."),
    )

    def __init__(self, *args: Any, definition: StudyDefinition, language: Language, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition, self.levels = definition, factors_of(definition)
        self.fields["participants"].initial = definition.target_participants
        self.fields["seed"].initial = definition.id
        choices = self._choices(language)
        boxes: Any = self.fields["designs"]
        boxes.choices, boxes.initial = choices, [name for name, _label in choices]
        for name, factor, level, share in self._expected():
            self.fields[name] = NumberField(
                label=f"{factor_label(definition, factor, language)}: {level}",
                min_value=0,
                max_value=1000,
                initial=share,
            )

    def _choices(self, language: Language) -> list[tuple[str, str]]:
        own, *others = designs_to_compare(self.definition)
        of_study = gettext("%(design)s (of this study)") % {"design": label(own)(language)}
        return [(OWN, of_study), *((name_of(design), label(design)(language)) for design in others)]

    def _expected(self) -> Iterator[tuple[str, str, str, int]]:
        for factor, shares in observed_shares(self.levels).items():
            for place, level in enumerate(self.levels[factor]):
                yield f"expected-{factor}-{place}", factor, level, shares[level]

    def expected(self) -> list[BoundField]:
        """The boxes for the shares of each level."""
        return [self[name] for name in self.fields if name.startswith("expected-")]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        self._check_size(given)
        self._read_designs(given)
        if not self.errors:
            self._read_recruitment(given)
        return given

    def _check_size(self, given: dict[str, Any]) -> None:
        if given.get("participants", 0) * given.get("simulations", 0) > MOST_ALLOCATIONS:
            most = MOST_ALLOCATIONS // given["participants"]
            self.add_error(
                "simulations", gettext("With so many participants simulate at most %(most)s trials.") % {"most": most}
            )

    def _read_designs(self, given: dict[str, Any]) -> None:
        written = [*given.get("designs", ()), *given.get("more", "").split()]
        if not 0 < len(written) <= MOST_DESIGNS:
            self.add_error("designs", gettext("Choose 1 to %(most)s designs.") % {"most": MOST_DESIGNS})
        try:
            given["asked"] = asked_for(written, self.definition)
        except DesignRefused as refusal:
            self._refuse("more", refusal)

    def _read_recruitment(self, given: dict[str, Any]) -> None:
        shares = {
            factor: {level: given[f"expected-{factor}-{place}"] for place, level in enumerate(levels)}
            for factor, levels in self.levels.items()
        }
        empty = [factor for factor, of_factor in shares.items() if not any(of_factor.values())]
        for factor in empty:
            self.add_error(f"expected-{factor}-0", gettext("Somebody has to be expected at one level at least."))
        if empty:
            return
        try:
            given["recruitment"] = recruitment_of(given["participants"], shares)
        except DesignRefused as refusal:
            self._refuse(None, refusal)

    def _refuse(self, field: str | None, refusal: DesignRefused) -> None:
        for each in refusal.findings:
            self.add_error(field, gettext(each.message) % each.values)


def has_design(definition: StudyDefinition) -> bool:
    """Whether the study definition describes a randomisation that can be simulated."""
    try:
        design_of(definition)
    except DesignRefused:
        return False
    return True
