from __future__ import annotations

import uuid

from django import forms
from django.core.validators import RegexValidator


class OnceForm(forms.Form):
    """The key of one opening of the page: sending it twice randomises once."""

    idempotency_key = forms.CharField(
        widget=forms.HiddenInput,
        max_length=32,
        validators=[RegexValidator(r"^[0-9a-f]{32}$")],
        initial=lambda: uuid.uuid4().hex,
    )


class ActForm(forms.Form):
    """An act that asks for nothing but a yes."""
