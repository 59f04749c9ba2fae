"""What the shared partials need besides Django's own tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django import template
from django.core.paginator import Page
from django.forms import BaseForm, BoundField
from django.middleware.csrf import get_token
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


class Link(NamedTuple):
    """One line of the error summary; without ``target`` it concerns the page as a whole."""

    target: str
    message: str


@register.simple_tag
def error_links(errors: object, form: object) -> list[Any]:
    """Lines of the error summary: those the view gives (objects with ``target`` and ``message``), else the form's."""
    if isinstance(errors, Iterable) and not isinstance(errors, str):
        return list(errors)
    return _form_links(form) if isinstance(form, BaseForm) else []


@register.simple_tag(takes_context=True)
def own_token(context: Context) -> SafeString:
    """For one of many forms of a page: each is sent once by itself, as if it stood on a page of its own."""
    token = get_token(context["request"])
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)


@register.filter
def first_box(bound: BoundField) -> str:
    """The id a link to this field leads to: the box itself, or the first of a group."""
    return bound.id_for_label or f"{bound.auto_id}_0"


@register.filter
def page_numbers(page: Page[Any]) -> list[int | str]:
    """Page numbers round the present one, with an ellipsis where some are left out."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))


def _form_links(form: BaseForm) -> list[Link]:
    of_page = [Link("", str(message)) for message in form.non_field_errors()]
    of_fields = [Link(first_box(bound), str(message)) for bound in form for message in bound.errors]
    return of_page + of_fields
