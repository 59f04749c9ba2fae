from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.views import i18n
from django.views.decorators.http import require_POST

from trialmgr.people.actions import choose_language


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Anybody chooses the language of the pages; whoever is signed in finds it again on another device."""
    language = request.POST.get("language", "")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        user = request.user
        if user.language != language:
            choose_language(by=user, language=language)
    return i18n.set_language(request)
