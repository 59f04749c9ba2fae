"""Duties around the randomisation list, for those who make or activate it."""

from __future__ import annotations

from django.urls import reverse
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from randomization.models import ListStatus, RandomizationList
from randomization.policies.lists import active_list, purpose_here
from randomization.queries.supply import running_low
from trialmgr.overview.duties.tasks import Desk, Duty, Link, Task, said_of


def activation(desk: Desk) -> Duty:
    """Lists that somebody else made and that wait for a second person."""
    tasks = [
        Task(
            place=_("List %(number)s") % {"number": listed.number},
            link=Link(_("Activate the list"), reverse("randomization:activate", args=[listed.number])),
            status=_("Made"),
            kind="due",
            since=localdate(listed.made_at),
            when=said_of(localdate(listed.made_at), _("made on %(day)s")),
            turn=desk.turn_with("lists.activate"),
        )
        for listed in _made_by_others(desk)
    ]
    return Duty("activation", _("Lists to activate"), len(tasks), tasks)


def _made_by_others(desk: Desk) -> list[RandomizationList]:
    if not desk.user.may("lists.activate"):
        return []
    made = RandomizationList.objects.filter(status=ListStatus.MADE.value, purpose=purpose_here().value)
    return list(made.exclude(made_by=desk.user))


def supply(desk: Desk) -> Duty:
    """No list in force, or strata with few rows left: only who may see lists is told."""
    tasks = _supply_tasks(desk) if desk.definition.is_randomised and desk.user.may("lists.view") else []
    return Duty("supply", _("Randomisation list"), len(tasks), tasks[: desk.limit])


def _supply_tasks(desk: Desk) -> list[Task]:
    listed, url, turn = active_list(), reverse("randomization:lists"), desk.turn_with("lists.make")
    if listed is None:
        wanting = _(
            "No randomisation list is in force: the trial statistician makes one, a second person activates it."
        )
        link = Link(_("Open the lists"), url)
        return [Task(place=wanting, link=link, status=_("None active"), kind="late", turn=turn)]
    return [
        Task(
            place=each.supply.stratum,
            link=Link(_("Open the lists"), url),
            status=_("%(left)s of %(length)s left") % {"left": each.supply.left, "length": each.supply.length},
            kind="late",
            when=said_of(each.lasts_until, _("lasts until about %(day)s")) if each.lasts_until else "",
            turn=turn,
        )
        for each in running_low(listed)
    ]
