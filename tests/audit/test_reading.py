"""Reading the ledger: by site, by form, and without what is restricted."""

from __future__ import annotations

from audit.models import LedgerEntry
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast


def test_entries_of_some_sites_leave_out_other_sites_and_those_of_no_site(cast: Cast) -> None:
    walk.registered(cast)
    walk.registered(cast, "LUMC")
    assert set(LedgerEntry.objects.at_sites({"LUMC"}).values_list("site", flat=True)) == {"LUMC"}
    assert not LedgerEntry.objects.at_sites(set()).exists()


def test_entries_of_some_forms_keep_those_of_no_form(cast: Cast) -> None:
    walk.screened(cast)
    assert set(LedgerEntry.objects.of_forms({"madrs"}).values_list("form", flat=True)) == {"", "madrs"}


def test_the_open_part_holds_nothing_restricted(cast: Cast) -> None:
    walk.randomised(cast)
    assert LedgerEntry.objects.filter(restricted=True).exists()
    assert not LedgerEntry.objects.open_part().filter(restricted=True).exists()
