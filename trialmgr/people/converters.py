"""What may stand in an address. Anything else, a NUL above all, is no address here and never reaches the database."""

from __future__ import annotations

from django.urls.converters import StringConverter


class NameConverter(StringConverter):
    """A user name or a file's name: letters, digits and ``_ . @ + -``."""

    regex = r"[\w.@+-]+"
