"""What SQL finds to be verified is what the plan says of each entry, whatever the plan and whoever reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crf.actions import verify_items
from crf.models import EntryStatus, FormEntry
from crf.monitoring import Plan
from tests import walk
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.people.permissions import Role
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import Extent, Form, StudyDefinition, VerificationPlan
from trialmgr.protocol.monitoring import is_drawn

SHARE = 50


def with_plan(definition: StudyDefinition, extent: Extent, share: int | None) -> StudyDefinition:
    """All forms by the same plan, with an item of a group among the critical ones and one that reveals the arm."""
    plan = VerificationPlan(extent=extent, share=share)
    forms = (_marked(form).model_copy(update={"verification": None}) for form in definition.forms)
    return definition.model_copy(update={"forms": tuple(forms), "verification": plan})


def _marked(form: Form) -> Form:
    sections = (
        section.model_copy(
            update={
                "items": tuple(
                    item.model_copy(
                        update={
                            "critical": item.critical or (section.repeats is not None and not item.is_derived),
                            "reveals_allocation": item.key == "pulse" or item.reveals_allocation,
                        }
                    )
                    for item in section.items
                )
            }
        )
        for section in form.sections
    )
    return form.model_copy(update={"sections": tuple(sections)})


@pytest.mark.on_both
def test_sql_and_plan_agree_on_every_entry(cast: Cast, reset_trd: StudyDefinition) -> None:
    number = 1
    while is_drawn(reset_trd.id, f"UMCG-{number:03d}", SHARE) is is_drawn(reset_trd.id, "UMCG-001", SHARE):
        number += 1
    walk.screened(cast)
    walk.number_next(number)
    other = walk.screened(cast)
    monitor = cast.at("", Role.MONITOR)
    for key, items in {"madrs": ["madrs_1"], "eligibility": ["i1"], "treatment_history": ["trials.1.th_drug"]}.items():
        verify_some(cast, walk.visit_of(other, "screening").entries.get(form_key=key), items)
    for key in ("madrs", "demographics"):
        entry = walk.visit_of(other, "screening").entries.get(form_key=key)
        verify_some(cast, entry, [*entry.data, *entry.missing])
    everything = FormEntry.objects.for_user(monitor).counted().standing().select_related("visit__participant")
    sight = monitor.sight(reset_trd)
    alone: list[tuple[Extent, int]] = [("all", 2), ("critical", 0)]
    for extent, expected in alone:  # nothing on this form is worked out, and nothing critical
        one_form = Plan(with_plan(reset_trd, extent, None), Sight(False, frozenset({"demographics"})))
        assert one_form.planned(everything).count() == expected
    found: dict[tuple[str, bool], tuple[int, int]] = {}
    plans: list[tuple[Extent, int | None]] = [("all", None), ("critical", None), ("share", SHARE), ("none", None)]
    for extent, share in plans:
        for blinded in (False, True):
            plan = Plan(with_plan(reset_trd, extent, share), replace(sight, blinded=blinded))
            for unverified in (False, True):
                by_sql = set(plan.planned(everything, unverified=unverified).values_list("pk", flat=True))
                assert by_sql == {entry.pk for entry in everything if _wanted(plan, entry, unverified)}
            found[extent, blinded] = (plan.planned(everything).count(), len(by_sql))
    assert found["none", False] == (0, 0)
    assert found["all", False][0] > found["share", False][0] > found["critical", False][0] > 0
    assert all(planned > left for (extent, _blinded), (planned, left) in found.items() if extent != "none")


def _wanted(plan: Plan, entry: FormEntry, unverified: bool) -> bool:
    if entry.status != EntryStatus.COMPLETE:
        return False
    verified = set(entry.verifications.filter(stands=True).values_list("item", flat=True))
    progress = plan.progress(entry, verified, entry.visit.participant.number)
    return bool(progress.left if unverified else progress.planned)


def verify_some(cast: Cast, entry: FormEntry, items: list[str]) -> None:
    held = [item for item in items if item in entry.data or item in entry.missing]
    verify_items(by=cast.at("", Role.MONITOR), entry=entry, items=held)


def test_a_form_out_of_sight_has_no_plan(reset_trd: StudyDefinition) -> None:
    assert set(Plan(reset_trd, Sight(True, frozenset({"madrs"}))).forms) == {"madrs"}
