"""``study``: what an amendment changes and for whom, a rule on trial, and entries moved to another version."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from typing import Any

from audit.commands import Answer, WrongUsage, acting_user
from crf.actions.amendments import Move, migrate_entries, plan_added_visits, plan_migration, visits_to_plan
from crf.outcomes import Impact, Outcome, Tried, check_named, impact, in_sight, place_of, rule_as_check, try_rule
from trialmgr.overview.changes import changes_for
from trialmgr.overview.management.versions import (
    definition_named,
    number_argument,
    study_folder,
    version_numbered,
)
from trialmgr.people.models import User
from trialmgr.protocol.differences import Change, differences, forbidden
from trialmgr.protocol.loader import load_study
from trialmgr.protocol.model import StudyDefinition
from trialmgr.studies.queries import current_definition

LANGUAGES = ("en", "nl")


def diff_arguments(parser: ArgumentParser) -> None:
    for name in ("old", "new"):
        parser.add_argument(name, metavar=name.upper(), help="a study folder, or the number of a proposed version")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="language of the words (en)")
    parser.add_argument(
        "--as",
        dest="as_username",
        metavar="USERNAME",
        default=None,
        help="whose sight to look with at the stored data: which entries it touches, which checks would fire",
    )


def try_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("rule", nargs="?", metavar="RULE", help="an expression, as fires_if of a check has it")
    parser.add_argument("--form", metavar="F", help="the form whose entries the rule is tried on")
    parser.add_argument("--check", metavar="FORM.CHECK", help="a check of a folder, instead of RULE and --form")
    parser.add_argument("--of", dest="folder", metavar="DIR", help="the folder that holds the check")


def migrate_arguments(parser: ArgumentParser) -> None:
    number_argument(parser)
    parser.add_argument("--form", action="append", default=[], dest="forms", metavar="F", help="only this form")
    parser.add_argument("--site", action="append", default=[], dest="sites", metavar="S", help="only this site")
    parser.add_argument(
        "--map",
        action="append",
        type=_mapping,
        default=[],
        dest="mapped",
        metavar="FORM.OLD=NEW",
        help="the item that takes the value of one that is gone",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would happen to each entry; change nothing")
    parser.add_argument("--reason", default="", help="why, for the audit trail")


def planning_arguments(parser: ArgumentParser) -> None:
    number_argument(parser)
    parser.add_argument("--site", action="append", default=[], dest="sites", metavar="S", help="only this site")
    parser.add_argument("--dry-run", action="store_true", help="tell which visits would be planned; change nothing")
    parser.add_argument("--reason", default="", help="why, for the audit trail")


def _mapping(text: str) -> tuple[tuple[str, str], str]:
    place, _sign, new = text.partition("=")
    form, _dot, old = place.partition(".")
    if not (form and old and new):
        raise ArgumentTypeError(f"“{text}” is no mapping; write it as form.old_item=new_item")
    return (form, old), new


def diff(*, old: str, new: str, language: str, as_username: str | None) -> Answer:
    """Without ``--as`` two definitions are compared and nothing else is read."""
    before, after = definition_named(old), definition_named(new)
    user = _person(as_username)
    changes = differences(before, after) if user is None else changes_for(user, before, after)
    found = impact(user, before, after, changes) if user else None
    lines = [*_changes(changes, language), *(_impact(found, language) if found else ())]
    data: dict[str, Any] = {
        "old": {"version": before.version, "sha256": before.sha256},
        "new": {"version": after.version, "sha256": after.sha256},
        "changes": [change.as_json(language) for change in changes],
        "forbidden": len(forbidden(changes)),
    }
    if found:
        data["impact"] = found.as_json(language)
    return Answer(tuple(lines), data, done=not forbidden(changes))


def _person(username: str | None) -> User | None:
    found = acting_user(username) if username else None
    return found if isinstance(found, User) else None


def _changes(changes: tuple[Change, ...], language: str) -> Iterator[str]:
    nothing = {"en": "Nothing changes.", "nl": "Er verandert niets."}
    if not changes:
        yield nothing[language]
    marks = {"added": "+", "removed": "-", "changed": "~"}
    for change in changes:
        yield f"{'!' if change.forbidden else marks[change.kind.value]} {change.text(language)}"


_WORDS = {
    "en": {
        "entries": "Entries on forms that change, by form and site:",
        "visits": "Visits still to come that change, by visit and site:",
        "firing": "Stored entries on which a check would fire that does not fire now: {}",
        "recomputed": "Stored entries of which a derived item would come out otherwise: {}",
    },
    "nl": {
        "entries": "Invoer op formulieren die veranderen, per formulier en centrum:",
        "visits": "Bezoeken die nog komen en die veranderen, per bezoek en centrum:",
        "firing": "Invoer waarop een controle zou afgaan die nu niet afgaat: {}",
        "recomputed": "Invoer waarvan een afgeleid item anders zou uitkomen: {}",
    },
}


def _impact(found: Impact, language: str) -> Iterator[str]:
    words = _WORDS[language]
    for title, counted in ((words["entries"], found.entries), (words["visits"], found.visits)):
        if counted:
            yield title
            yield from (f"  {key} {site}: {n}" for (key, site), n in counted.items())
    yield words["firing"].format(len(found.firing))
    for outcome in found.firing:
        yield from (f"  {_place(outcome.entry)}: {problem.message(language)}" for problem in outcome.fires)
    yield words["recomputed"].format(len(found.recomputed))
    for outcome in found.recomputed:
        yield from (f"  {_place(outcome.entry)}: {_recomputed(item)}" for item in outcome.recomputed)


def _recomputed(item: tuple[str, str | None, str | None]) -> str:
    key, old, new = item
    return f"{key} {old or '–'} → {new or '–'}"


def _place(entry: Any) -> str:
    place = place_of(entry)
    row = f" {place['row']}" if place["row"] > 1 else ""
    return f"{place['participant']} {place['visit']} {place['form']}{row}"


def try_out(*, rule: str | None, form: str | None, check: str | None, folder: str | None, by: User) -> Answer:
    """Never more than the role of ``--as`` may see: their sites, their forms, what does not reveal the allocation."""
    by.check_may("entries.view")
    if check and folder and not rule and not form:
        definition = _seen(by, load_study(study_folder(folder)))
        place = check_named(definition, check)
    elif rule and form and not check and not folder:
        definition = _seen(by, current_definition())
        place = rule_as_check(definition, form, rule)
    else:
        raise WrongUsage("Give RULE and --form F, or --check FORM.CHECK and --of DIR.")
    tried = list(try_rule(by, definition, *place))
    named = {"true": True, "false": False, "unknown": None}
    counted = {name: sum(one.fires is truth for one in tried) for name, truth in named.items()}
    lines = [f"{place[0].key}: {place[1].fires_if}", f"{len(tried)} entries", *_tallies(tried, counted, named)]
    data = {"form": place[0].key, "rule": place[1].fires_if, "entries": len(tried), **counted}
    fires = [place_of(one.entry) for one in tried if one.fires]
    unknown = [place_of(one.entry) for one in tried if one.fires is None]
    return Answer(tuple(lines), {**data, "fires_on": fires, "unknown_on": unknown})


def _seen(by: User, definition: StudyDefinition) -> StudyDefinition:
    return in_sight(definition, by.sight(definition))


def _tallies(tried: list[Tried], counted: dict[str, int], named: dict[str, bool | None]) -> Iterator[str]:
    for name, truth in named.items():
        yield f"{name}: {counted[name]}"
        if truth is not False:
            yield from (f"  {_place(one.entry)}" for one in tried if one.fires is truth)


def migrate(
    *,
    number: int,
    forms: list[str],
    sites: list[str],
    mapped: list[tuple[tuple[str, str], str]],
    dry_run: bool,
    reason: str,
    by: User,
) -> Answer:
    by.check_may("entries.migrate")
    version = version_numbered(number)
    chosen: dict[str, Any] = {"version": version, "forms": forms, "sites": sites, "mapped": dict(mapped)}
    moves = plan_migration(by=by, **chosen) if dry_run else migrate_entries(by=by, reason=reason, **chosen)
    going = sum(not move.reasons for move in moves)
    verb = "would move" if dry_run else "moved"
    lines = [f"{going} of {len(moves)} entries {verb} to version {number} ({version.label})."]
    lines += [line for move in moves for line in _told(move)]
    return Answer(tuple(lines), {"version": number, "dry_run": dry_run, "entries": [_moved(move) for move in moves]})


def _told(move: Move) -> Iterator[str]:
    yield f"{_place(move.entry)}: {'stays' if move.reasons else 'moves'} (was on {move.outcome.own_version})"
    yield from (f"    stays: {reason}" for reason in move.reasons)
    yield from (f"    {line}" for line in _effects(move.outcome))


def _effects(outcome: Outcome) -> Iterator[str]:
    yield f"kept: {len(outcome.kept)}"
    if outcome.moved:
        yield "moved: " + ", ".join(f"{old} → {new}" for old, new in outcome.moved)
    if outcome.added:
        yield f"new and empty: {', '.join(outcome.added)}"
    if outcome.recomputed:
        yield f"comes out otherwise: {', '.join(_recomputed(item) for item in outcome.recomputed)}"
    yield from (f"would ask: {problem.message('en')}" for problem in outcome.asks)


def _moved(move: Move) -> dict[str, Any]:
    outcome = move.outcome
    return {
        **place_of(move.entry),
        "moves": not move.reasons,
        "reasons": list(move.reasons),
        "kept": list(outcome.kept),
        "moved": dict(outcome.moved),
        "new": list(outcome.added),
        "lost": list(outcome.lost),
        "recomputed": [list(item) for item in outcome.recomputed],
        "asks": [problem.message("en") for problem in outcome.asks],
        "refuses": [problem.message("en") for problem in outcome.refuses],
        "signatures": list(outcome.signers),
    }


def plan_visits(*, number: int, sites: list[str], dry_run: bool, reason: str, by: User) -> Answer:
    by.check_may("entries.migrate")
    version = version_numbered(number)
    if dry_run:
        visits = visits_to_plan(by=by, version=version, sites=sites)
    else:
        visits = plan_added_visits(by=by, version=version, sites=sites, reason=reason)
    planned = [
        {
            "participant": visit.participant.number,
            "visit": visit.slug,
            "target_on": visit.target_on.isoformat() if visit.target_on else "",
        }
        for visit in visits
    ]
    lines = [f"{len(planned)} visits {'would be' if dry_run else 'are'} planned."]
    lines += [f"  {one['participant']} {one['visit']} {one['target_on']}".rstrip() for one in planned]
    return Answer(tuple(lines), {"version": number, "dry_run": dry_run, "visits": planned})
