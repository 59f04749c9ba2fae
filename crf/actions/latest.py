"""What somebody saw a moment ago may have changed since: lock, then look again."""

from __future__ import annotations

from django.utils.translation import gettext as _

from audit.acts import ActionRefused
from crf.models import FormEntry, Query, Visit


def check_unchanged(entry: FormEntry) -> None:
    """Lock the entry's visit, as every act on an entry does; refuse if the entry was saved since it was read."""
    Visit.objects.select_for_update(of=("self",)).get(pk=entry.visit_id)
    check_revision(FormEntry.objects.only("revision").get(pk=entry.pk), entry.revision)


def check_revision(entry: FormEntry, seen: int) -> None:
    if entry.revision != seen:
        raise ActionRefused(_("Somebody else saved this form in the meantime: open it again and compare."))


def lock_query(query: Query) -> None:
    """The query as it stands now, held until the act ends."""
    query.refresh_from_db(from_queryset=Query.objects.select_for_update(of=("self",)))
