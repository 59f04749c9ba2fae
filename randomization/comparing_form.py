"""What the statistician asks of a comparison of designs on its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from randomization.methods.comparison.choices import OWN, asked_for, designs_to_compare
from randomization.methods.comparison.expectations import recruitment_of
from randomization.methods.comparison.figures import TRIALS, label
from randomization.methods.definition import design_of, factor_label, factors_of
from randomization.methods.designs import name_of
from randomization.methods.findings import DesignRefused
from randomization.planning import observed_shares
from trialmgr.protocol.model import Language, StudyDefinition

MOST_ALLOCATIONS = 4_000_000
"""Simulated in one request: participants times trials, about two seconds' work and 300 MB."""

MOST_DESIGNS = 20


class Boxes(forms.CheckboxSelectMultiple):
    use_fieldset = True

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("randomization/compare/boxes.html", self.get_context(name, value, attrs))


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
