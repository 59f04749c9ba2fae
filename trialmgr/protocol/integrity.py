"""What must hold across a study definition, beyond the types of its parts.

Each rule is a generator over the definition that yields a finding with the path of the key at fault. Blinding rules
follow ICH E9 (2.3.1): who is blinded meets no part of the study that tells the arm.
"""

from __future__ import annotations

import datetime as dt
import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from math import gcd

from trialmgr.protocol import expression_rules
from trialmgr.protocol.expressions import RESERVED
from trialmgr.protocol.findings import Finding, Findings, hides, items_of, keys_before, parts_of
from trialmgr.protocol.model import (
    Form,
    Item,
    ItemType,
    Part,
    RandomizationDesign,
    Range,
    Repeat,
    Score,
    StudyDefinition,
    Text,
    VisitDefinition,
)
from trialmgr.protocol.previous import PREVIOUS
from trialmgr.protocol.scoring import FUNCTIONS
from trialmgr.protocol.yaml_source import DocumentPath

DERIVABLE = frozenset({ItemType.INTEGER, ItemType.DECIMAL, ItemType.DATE, ItemType.YES_NO, ItemType.CHOICE})
_LISTED = frozenset({ItemType.CHOICE, ItemType.MULTI_CHOICE})
_NUMERIC = frozenset({ItemType.INTEGER, ItemType.DECIMAL, ItemType.SCALE})
_FILES = frozenset({ItemType.FILE})
_WRITTEN = frozenset({ItemType.TEXT, ItemType.LONG_TEXT})
_SHORTEST_ARM_WORD_INSIDE_ANOTHER = 6


def findings(definition: StudyDefinition) -> Findings:
    """Every fault of meaning. References are judged only where the keys they go by are unique."""
    for rule in _RULES:
        yield from rule(definition)


# --- keys, texts and dates -------------------------------------------------------------------------------------------


def _repeated(path: DocumentPath, keys: Iterable[str], field: str = "key") -> Findings:
    seen: set[str] = set()
    for number, key in enumerate(keys):
        if key in seen:
            yield Finding((*path, number, field), f"`{key}` is used twice", "give each one a key of its own")
        seen.add(key)


def _unique_keys(study: StudyDefinition) -> Findings:
    yield from _repeated(("arms",), (arm.key for arm in study.arms))
    yield from _repeated(("sites",), (site.code for site in study.sites), "code")
    yield from _repeated(("roles",), (role.key for role in study.roles))
    yield from _repeated(("consents",), (consent.key for consent in study.consents))
    yield from _repeated(("phases",), (phase.key for phase in study.phases))
    yield from _repeated(("visits",), (visit.key for visit in study.visits))
    yield from _repeated(("codelists",), (codelist.key for codelist in study.codelists))
    yield from _repeated(("forms",), (form.key for form in study.forms))
    yield from _repeated(("missing_reasons", "items"), (entry.code for entry in study.missing_reasons.items), "code")
    yield from _repeated(("eligibility",), (version.version for version in study.eligibility), "version")


def _unique_keys_inside(study: StudyDefinition) -> Findings:
    for number, codelist in enumerate(study.codelists):
        yield from _repeated(("codelists", number, "items"), (entry.code for entry in codelist.items), "code")
    for number, version in enumerate(study.eligibility):
        yield from _repeated(
            ("eligibility", number, "criteria"), (criterion.id for criterion in version.criteria), "id"
        )
    for number, form in enumerate(study.forms):
        yield from _repeated(("forms", number, "sections"), (section.key for section in form.sections))
        yield from _repeated(("forms", number, "checks"), (check.key for check in form.checks))
        yield from _item_keys(study, ("forms", number), form)


def _item_keys(study: StudyDefinition, path: DocumentPath, form: Form) -> Findings:
    criteria = {c.id.lower() for version in study.eligibility for c in version.criteria} if form.eligibility else set()
    seen: set[str] = set()
    for item_path, item in items_of(path, form):
        if item.key in seen or item.key in criteria:
            yield Finding((*item_path, "key"), f"`{item.key}` is used twice on this form", "give the item another key")
        if item.key in RESERVED:
            yield Finding((*item_path, "key"), f"`{item.key}` is a word of expressions", "give the item another key")
        seen.add(item.key)


def _reserved_visits(study: StudyDefinition) -> Findings:
    for number, visit in enumerate(study.visits):
        if visit.key == PREVIOUS:
            yield Finding(("visits", number, "key"), f"`{PREVIOUS}` is a word of expressions", "give another key")


def _texts(study: StudyDefinition) -> Findings:
    for path, part in parts_of(study):
        if isinstance(part, Text):
            for language in ("nl", "en"):
                if not part(language).strip():
                    yield Finding((*path, language), f"the text in {language} is empty", "write it in both languages")


def _dates(study: StudyDefinition) -> Findings:
    for path, part in parts_of(study):
        written = getattr(part, "valid_from", None)
        if written is not None and not _is_date(written):
            yield Finding((*path, "valid_from"), f"{written!r} is not a date", "write year-month-day, as 2026-05-31")


def _is_date(written: str) -> bool:
    try:
        return dt.date.fromisoformat(written).isoformat() == written
    except ValueError:
        return False


# --- references ------------------------------------------------------------------------------------------------------


def _absent(path: DocumentPath, key: str, known: Iterable[str], what: str) -> Findings:
    """A finding when ``key`` is none of ``known``."""
    names = list(known)
    if key not in names:
        near = difflib.get_close_matches(key, names, n=1)
        choice = ", ".join(names[:12]) or "none is defined"
        mend = f"did you mean `{near[0]}`?" if near else f"use one of: {choice}"
        yield Finding(path, f"there is no {what} `{key}`", mend)


def _all_absent(path: DocumentPath, keys: Iterable[str], known: Iterable[str], what: str) -> Findings:
    names = list(known)
    for number, key in enumerate(keys):
        yield from _absent((*path, number), key, names, what)


def _visit_references(study: StudyDefinition) -> Findings:
    for number, visit in enumerate(study.visits):
        path: DocumentPath = ("visits", number)
        yield from _absent((*path, "phase"), visit.phase, (phase.key for phase in study.phases), "phase")
        yield from _all_absent((*path, "arms"), visit.arms, (arm.key for arm in study.arms), "arm")
        yield from _all_absent((*path, "forms"), visit.forms, (form.key for form in study.forms), "form")
        yield from _repeated_words((*path, "forms"), visit.forms)
        yield from _all_absent(
            (*path, "required_forms"), visit.required_forms or (), visit.forms, f"form of the visit {visit.key}"
        )


def _repeated_words(path: DocumentPath, words: tuple[str, ...]) -> Findings:
    for number, word in enumerate(words):
        if word in words[:number]:
            yield Finding((*path, number), f"`{word}` stands here twice", "keep one of the two")


def _form_references(study: StudyDefinition) -> Findings:
    roles = [role.key for role in study.roles]
    used = {key for visit in study.visits for key in visit.forms}
    for number, form in enumerate(study.forms):
        path: DocumentPath = ("forms", number)
        yield from _all_absent((*path, "entered_by"), form.entered_by, roles, "role")
        if form.signed_by is not None:
            yield from _absent((*path, "signed_by"), form.signed_by, roles, "role")
        if form.key not in used:
            yield Finding((*path, "key"), f"no visit holds the form {form.key}", "name it under `forms` of a visit")
        yield from _ending(path, form)
        for check_number, check in enumerate(form.checks):
            where = (*path, "checks", check_number, "items")
            yield from _all_absent(where, check.items, (item.key for item in form.items), f"item of {form.key}")


def _ending(path: DocumentPath, form: Form) -> Findings:
    key = form.ends_participation
    if key is None:
        return
    yield from _absent((*path, "ends_participation"), key, (item.key for item in form.items), f"item of {form.key}")
    if form.has_item(key) and form.item(key).type is not ItemType.CHOICE:
        yield Finding((*path, "ends_participation"), f"`{key}` is not a choice", "let it be a choice from a code list")


def _gates(study: StudyDefinition) -> Findings:
    for number, phase in enumerate(study.phases):
        path: DocumentPath = ("phases", number)
        if phase.opens == "gate" and phase.gate is None:
            yield Finding((*path, "opens"), "the phase opens by a gate but has none", "add `gate` with visit and rule")
        if phase.opens != "gate" and phase.gate is not None:
            yield Finding((*path, "gate"), "the phase has a gate but does not open by it", "write `opens: gate`")
        if phase.gate is not None:
            yield from _absent((*path, "gate", "visit"), phase.gate.visit, (v.key for v in study.visits), "visit")
            own = {visit.key for visit in study.visits if visit.phase == phase.key}
            if phase.gate.visit in own:
                yield Finding(
                    (*path, "gate", "visit"), "the gate waits for a visit of its own phase", "name an earlier one"
                )


# --- visits and forms ------------------------------------------------------------------------------------------------


def _entering(study: StudyDefinition) -> Findings:
    """Where there are arms the trial is entered by allocation, elsewhere by enrolment; by one phase."""
    wrong, right = ("enrolment", "allocation") if study.is_randomised else ("allocation", "enrolment")
    told = "the study has arms" if study.is_randomised else "the study has no arms, so nobody is allocated"
    for number, phase in enumerate(study.phases):
        if phase.opens == wrong:
            yield Finding(("phases", number, "opens"), told, f"write `opens: {right}`")
    for number, visit in enumerate(study.visits):
        if visit.anchor == wrong:
            yield Finding(("visits", number, "anchor"), told, f"write `anchor: {right}`")
    entered = [number for number, phase in enumerate(study.phases) if phase.opens in (wrong, right)]
    if not entered:
        yield Finding(("phases",), "no phase opens when the trial is entered", f"write `opens: {right}` at one phase")
    for number in entered[1:]:
        yield Finding(
            ("phases", number, "opens"), "a second phase opens when the trial is entered", "let it have a gate"
        )


def _visit_rules(study: StudyDefinition) -> Findings:
    repeating = {form.key for form in study.forms if form.repeating}
    at_registration = {phase.key for phase in study.phases if phase.opens == "registration"}
    for number, visit in enumerate(study.visits):
        path: DocumentPath = ("visits", number)
        if visit.arms and visit.phase in at_registration:
            yield Finding((*path, "arms"), "an arm's visit stands before the allocation", "put it in a later phase")
        if visit.before_allocation and visit.phase not in at_registration:
            yield Finding(
                (*path, "before_allocation"),
                "a visit of a later phase cannot be complete before the allocation",
                "put it in a phase that opens with registration",
            )
        yield from _occurrences(path, visit, repeating)


def _occurrences(path: DocumentPath, visit: VisitDefinition, repeating: set[str]) -> Findings:
    if visit.repeat:
        yield from _rhythm((*path, "repeat"), visit.repeat)
    if visit.repeat and visit.kind != "scheduled":
        yield Finding((*path, "repeat"), f"a visit of kind {visit.kind} does not repeat", "remove `repeat`")
    for number, form in enumerate(visit.forms):
        if form in repeating and visit.kind != "log":
            yield Finding(
                (*path, "forms", number), f"the repeating form {form} stands outside a log", "move it to a log visit"
            )


def _rhythm(path: DocumentPath, repeat: Repeat) -> Findings:
    has_rhythm = repeat.every is not None or repeat.times is not None
    if bool(repeat.days) is has_rhythm or (repeat.every is None) is not (repeat.times is None):
        yield Finding(path, "the visit returns by `days`, or by `every` and `times`", "write one of the two, in full")
    if repeat.days and repeat.start:
        yield Finding((*path, "from"), "`from` goes with `every` and `times`", "remove it, or shift the days")
    if any(later <= earlier for earlier, later in itertools.pairwise(repeat.days)):
        yield Finding((*path, "days"), "the days do not rise", "write each day once, in order")


def _eligibility_forms(study: StudyDefinition) -> Findings:
    flagged = [number for number, form in enumerate(study.forms) if form.eligibility]
    if not flagged:
        yield Finding((), "no form is flagged `eligibility: true`", "flag the form that holds the judgement")
    for number in flagged[1:]:
        yield Finding(("forms", number, "eligibility"), "a second form holds the eligibility", "flag one form only")


# --- groups with rows --------------------------------------------------------------------------------------------


def _groups(study: StudyDefinition) -> Findings:
    for number, form in enumerate(study.forms):
        for place, section in enumerate(form.sections):
            path: DocumentPath = ("forms", number, "sections", place, "repeats")
            if section.repeats is None:
                continue
            if section.repeats.min > section.repeats.max:
                yield Finding(path, "the group owes more rows than it may have", "let `min` be at most `max`")
            if form.repeating:
                yield Finding(path, "a form with many rows holds no group with rows", "remove one of the two")
            if all(item.is_derived for item in section.items):
                yield Finding(path, "nobody enters anything in these rows", "add an item that is not derived")
        yield from _ending_in_rows(("forms", number, "ends_participation"), form)


def _ending_in_rows(path: DocumentPath, form: Form) -> Findings:
    if form.ends_participation is not None and form.group_of(form.ends_participation):
        yield Finding(path, f"`{form.ends_participation}` stands in rows", "name an item outside groups")


# --- items -----------------------------------------------------------------------------------------------------------


def _all_items(study: StudyDefinition) -> Iterator[tuple[DocumentPath, Form, Item]]:
    for number, form in enumerate(study.forms):
        for path, item in items_of(("forms", number), form):
            yield path, form, item


_FITS: dict[str, frozenset[ItemType]] = {
    "range": _NUMERIC,
    "soft_range": _NUMERIC,
    "decimals": frozenset({ItemType.DECIMAL}),
    "max_length": _WRITTEN,
    "codelist": _LISTED,
    "anchors": frozenset({ItemType.SCALE}),
    "accepts": _FILES,
    "max_megabytes": _FILES,
}


def _item_rules(study: StudyDefinition) -> Findings:
    lists = [codelist.key for codelist in study.codelists]
    for path, _form, item in _all_items(study):
        for name, types in _FITS.items():
            if getattr(item, name) not in (None, ()) and item.type not in types:
                yield Finding(
                    (*path, name), f"`{name}` does not go with the type {item.type}", "remove it or change the type"
                )
        if item.codelist is not None:
            yield from _absent((*path, "codelist"), item.codelist, lists, "code list")
        elif item.type in _LISTED:
            yield Finding((*path, "type"), "the item has no code list", "add `codelist`")
        for name in ("range", "soft_range"):
            yield from _range((*path, name), getattr(item, name))
        yield from _scale(path, item)
        yield from _derivation(path, item)


def _range(path: DocumentPath, bounds: Range | None) -> Findings:
    if bounds is None:
        return
    if bounds.min is None and bounds.max is None:
        yield Finding(path, "the range has no ends", "write `min`, `max` or both")
    elif bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        yield Finding(path, f"the range runs from {bounds.min} down to {bounds.max}", "exchange `min` and `max`")


def _scale(path: DocumentPath, item: Item) -> Findings:
    if item.type is not ItemType.SCALE:
        return
    ends = item.range or Range()
    if ends.min is None or ends.max is None or ends.min % 1 or ends.max % 1:
        yield Finding((*path, "range"), "the scale has no two whole ends", "write `range: {min: 0, max: 10}`")
    if item.anchors is None:
        yield Finding((*path, "type"), "the scale has no words at its ends", "add `anchors` with `min` and `max`")


def _derivation(path: DocumentPath, item: Item) -> Findings:
    if item.derive is not None and item.score is not None:
        yield Finding((*path, "derive"), "the item has a formula and a score", "keep one of the two")
    if item.score is not None and item.type not in (ItemType.INTEGER, ItemType.DECIMAL):
        yield Finding((*path, "type"), f"a score is no {item.type}", "use integer or decimal")
    elif item.is_derived and item.type not in DERIVABLE:
        kinds = ", ".join(sorted(DERIVABLE))
        yield Finding((*path, "type"), f"a value of type {item.type} cannot be derived", f"use one of: {kinds}")


def _scores(study: StudyDefinition) -> Findings:
    for path, form, item in _all_items(study):
        if item.score is not None:
            yield from _absent((*path, "score", "function"), item.score.function, FUNCTIONS, "scoring function")
            yield from _score_version((*path, "score", "version"), item.score)
            earlier = keys_before(form, item)
            yield from _all_absent((*path, "score", "items"), item.score.items, earlier, "earlier item")
            if item.score.function in FUNCTIONS and set(item.score.items) <= set(earlier):
                yield from _score_bounds((*path, "score", "items"), form, item.score)


def _score_version(path: DocumentPath, score: Score) -> Findings:
    function = FUNCTIONS.get(score.function)
    if function is not None and score.version not in (None, function.version):
        message = f"{function.name} has version {function.version}, not {score.version}"
        yield Finding(path, message, "look at what changed in the function, then write its version")


def _score_bounds(path: DocumentPath, form: Form, score: Score) -> Findings:
    function = FUNCTIONS[score.function]
    if len(score.items) != len(function.bounds):
        yield Finding(
            path, f"{function.name} scores {len(function.bounds)} items, not {len(score.items)}", "name every item once"
        )
        return
    yield from _repeated_words(path, score.items)
    for number, (key, (lowest, highest)) in enumerate(zip(score.items, function.bounds, strict=True)):
        if not _gives_answers_between(form.item(key), lowest, highest):
            yield Finding(
                (*path, number),
                f"`{key}` may hold other answers than {lowest} to {highest}",
                f"let it be an integer with the range {lowest} to {highest}",
            )


def _gives_answers_between(item: Item, lowest: int, highest: int) -> bool:
    if item.type is ItemType.YES_NO:
        return (lowest, highest) == (0, 1)
    bounds = item.range or Range()
    if item.type not in (ItemType.INTEGER, ItemType.SCALE) or bounds.min is None or bounds.max is None:
        return False
    return lowest <= bounds.min and bounds.max <= highest


# --- blinding --------------------------------------------------------------------------------------------------------


def _blinding(study: StudyDefinition) -> Findings:
    blinded = {role.key for role in study.roles if role.blinded}
    in_arm_visits = {key: visit.key for visit in study.visits if visit.reveals_allocation for key in visit.forms}
    for number, form in enumerate(study.forms):
        path: DocumentPath = ("forms", number)
        if form.key in in_arm_visits and not form.reveals_allocation:
            yield Finding(
                (*path, "key"),
                f"the form stands in {in_arm_visits[form.key]}, a visit of one arm, but does not reveal the allocation",
                "write `reveals_allocation: true`",
            )
        for place, role in enumerate(form.entered_by):
            if form.reveals_allocation and role in blinded:
                yield Finding(
                    (*path, "entered_by", place),
                    f"the blinded role {role} would enter a form that reveals the allocation",
                    "remove the role, or let the form not reveal it",
                )


def _silent_roles(study: StudyDefinition) -> Findings:
    silent = {role.key for role in study.roles if role.sees == "nothing"}
    for number, form in enumerate(study.forms):
        for place, role in enumerate(form.entered_by):
            if role in silent:
                yield Finding(
                    ("forms", number, "entered_by", place), f"the role {role} sees nothing", "remove it from entered_by"
                )


def _arm_words(study: StudyDefinition) -> Findings:
    """No text that a blinded role may read names an arm. Criteria are left out: they hold for both arms alike."""
    names = _arm_names(study)
    for path, text in _open_texts(study):
        for language in ("nl", "en"):
            named = _arm_in(names, text(language))
            if named:
                yield Finding(
                    (*path, language),
                    f"blinded roles would read `{named}`",
                    "use words that name no arm, or hide the part",
                )


def arm_named(study: StudyDefinition, text: str) -> str | None:
    """The arm that a text names, where a role is blinded; None when it names none."""
    return _arm_in(_arm_names(study), text)


def _arm_names(study: StudyDefinition) -> list[str]:
    """Every word that tells an arm; none where nobody is blinded."""
    if not any(role.blinded for role in study.roles):
        return []
    return sorted({name.casefold() for arm in study.arms for name in (arm.key, arm.label.nl, arm.label.en)})


def _arm_in(names: list[str], text: str) -> str | None:
    return next((name for name in names if _names(text, name)), None)


def _names(text: str, name: str) -> bool:
    """Long names also inside a compound word; short ones, such as ECT, only as a word."""
    if len(name) >= _SHORTEST_ARM_WORD_INSIDE_ANOTHER:
        return name in text.casefold()
    words = "".join(sign if sign.isalnum() else " " for sign in text.casefold()).split()
    return name in words


def _open_texts(study: StudyDefinition) -> Iterator[tuple[DocumentPath, Text]]:
    yield ("public_title",), study.public_title
    if study.changes is not None:
        yield ("changes",), study.changes
    open_parts: list[tuple[DocumentPath, Part]] = []
    open_parts += [(("phases", number), phase) for number, phase in enumerate(study.phases)]
    open_parts += [(("visits", n), visit) for n, visit in enumerate(study.visits) if not visit.reveals_allocation]
    open_parts += [(("forms", n), form) for n, form in enumerate(study.forms) if not form.reveals_allocation]
    lists = {item.codelist for _path, form, item in _all_items(study) if not hides(form, item)}
    open_parts += [(("codelists", n), codelist) for n, codelist in enumerate(study.codelists) if codelist.key in lists]
    hidden = [path for path, _form, item in _all_items(study) if item.reveals_allocation]
    for start, part in open_parts:
        for path, inner in parts_of(part, start):
            if isinstance(inner, Text) and not any(path[: len(item)] == item for item in hidden):
                yield path, inner


# --- examples and the allocation -------------------------------------------------------------------------------------


def _allocation(study: StudyDefinition) -> Findings:
    design = study.randomization
    if design is None:
        return
    yield from _repeated(("randomization", "factors"), (factor.key for factor in design.factors))
    yield from _method_parameters(design)
    yield from _method_arms(study, design)
    yield from _block_sizes(study, design)
    for number, factor in enumerate(design.factors):
        if factor.source != "site" and not _is_level(study, tuple(factor.source.split("."))):
            yield Finding(
                ("randomization", "factors", number, "source"),
                f"`{factor.source}` is neither site nor a choice or yes/no item",
                "write site, or visit.form.item",
            )


_PARAMETERS: dict[str, tuple[str, ...]] = {
    "permuted_blocks": ("block_sizes",),
    "complete": (),
    "big_stick": ("mti",),
    "block_urn": ("lam",),
    "biased_coin": ("p",),
    "biased_coin_with_tolerance": ("p", "mti"),
    "urn": ("a", "b"),
    "asymptotic_maximal": ("mti",),
    "minimisation": ("p", "measure"),
}
_FOR_TWO_EQUAL_ARMS = ("biased_coin", "biased_coin_with_tolerance", "asymptotic_maximal")
_FOR_EQUAL_ARMS = (*_FOR_TWO_EQUAL_ARMS, "big_stick", "urn")


def _method_parameters(design: RandomizationDesign) -> Findings:
    """Every parameter that the method needs, and none of another method."""
    given: dict[str, object] = {
        "block_sizes": design.block_sizes,
        "mti": design.mti,
        "p": design.p,
        "lam": design.lam,
    }
    given |= {"a": design.a, "b": design.b, "measure": design.measure, "weights": design.weights}
    needed = _PARAMETERS[design.method]
    for name, value in given.items():
        absent = value is None or value == {}
        if name in needed and absent:
            yield Finding(("randomization", "method"), f"{design.method} needs `{name}`", f"add `{name}`")
        if not absent and name not in needed and (name, design.method) != ("weights", "minimisation"):
            yield Finding(("randomization", name), f"{design.method} has no `{name}`", "remove it")
    for name in sorted(set(design.weights) - {factor.key for factor in design.factors}):
        yield Finding(("randomization", "weights", name), f"`{name}` is no factor", "name a factor")
    if design.method == "minimisation" and not design.factors:
        yield Finding(("randomization", "factors"), "minimisation needs at least one factor", "add a factor")


def _method_arms(study: StudyDefinition, design: RandomizationDesign) -> Findings:
    ratio = [arm.ratio for arm in study.arms]
    if design.method in _FOR_TWO_EQUAL_ARMS and len(ratio) != 2:
        yield Finding(("randomization", "method"), f"{design.method} is defined for two arms", "choose another method")
    if design.method in _FOR_EQUAL_ARMS and len(set(ratio)) > 1:
        yield Finding(
            ("randomization", "method"),
            f"{design.method} does not keep an unequal ratio at every step",
            "choose permuted_blocks, complete or minimisation",
        )
    least = Fraction(1, max(len(ratio) if design.method != "minimisation" else sum(ratio) // gcd(*ratio), 1))
    if design.p is not None and not least < Fraction(design.p) < 1:
        yield Finding(("randomization", "p"), f"{design.p} does not lie between {least} and 1", "choose such as 2/3")


def _block_sizes(study: StudyDefinition, design: RandomizationDesign) -> Findings:
    block = sum(arm.ratio for arm in study.arms)
    for size, weight in design.block_sizes.items():
        if block == 0 or size <= 0 or size % block:
            yield Finding(
                ("randomization", "block_sizes"),
                f"a block of {size} cannot hold the ratio",
                f"use multiples of {block}",
            )
        if weight < 1:
            yield Finding(("randomization", "block_sizes"), f"the weight of block {size} is {weight}", "use 1 or more")


def _is_level(study: StudyDefinition, path: tuple[str, ...]) -> bool:
    item = expression_rules.item_named(study, None, ".".join(path)) if len(path) == 3 else None
    return item is not None and item.type in (ItemType.CHOICE, ItemType.YES_NO)


_RULES: tuple[Callable[[StudyDefinition], Findings], ...] = (
    _unique_keys,
    _unique_keys_inside,
    _reserved_visits,
    _texts,
    _dates,
    _visit_references,
    _form_references,
    _gates,
    _entering,
    _visit_rules,
    _eligibility_forms,
    _groups,
    _item_rules,
    _scores,
    _blinding,
    _silent_roles,
    _arm_words,
    expression_rules.findings,
    _allocation,
)
