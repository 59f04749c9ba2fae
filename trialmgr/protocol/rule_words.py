"""A rule in words, in both languages, and what each part of it comes to on stored values. Pure.

Words follow the tree of the expression: labels of items and visits, words for signs and functions. What is worked out
is shown with as many decimals as it takes to agree with whether the part holds: a fall of 49.6 % is no fall of 50 %.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from trialmgr.protocol.durations import Duration, Unit
from trialmgr.protocol.evaluation import PREVIOUS, Scope
from trialmgr.protocol.expressions import Kind, Path, parse
from trialmgr.protocol.expressions.arithmetic import compare
from trialmgr.protocol.expressions.nodes import (
    Aggregate,
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Constant,
    Holding,
    Inverse,
    Junction,
    Membership,
    Node,
    Presence,
    Reference,
    as_truth,
)
from trialmgr.protocol.integrity.rules import ITEM_KINDS
from trialmgr.protocol.model import Form, Item, StudyDefinition, Text
from trialmgr.protocol.values import PartialDate, Value


@dataclass(frozen=True, slots=True)
class Clause:
    """One part of a rule, all of which must hold. ``worked``: the values it read and what they come to.

    "" where the part says it all, such as an answer that is as it should be. ``holds``: None while a value is missing.
    """

    text: str
    worked: str
    holds: bool | None


def rule_in_words(definition: StudyDefinition, rule: str, language: str, form: Form | None = None) -> str:
    """A sentence, without its full stop. ``form``: of which a rule names items without saying where."""
    said = _Words(definition, language, form).truth(parse(rule).root)
    return said[:1].upper() + said[1:]


def clauses(definition: StudyDefinition, rule: str, scope: Scope, language: str) -> tuple[Clause, ...]:
    """The parts that a rule joins by ``and``, or the rule as a whole; values as ``scope`` reads them."""
    root, words = parse(rule).root, _Words(definition, language)
    parts = root.parts if isinstance(root, Junction) and root.decided_by is False else (root,)
    return tuple(Clause(words.truth(part), words.worked(part, scope), as_truth(part.value(scope))) for part in parts)


def _text(en: str, nl: str) -> Text:
    return Text(en=en, nl=nl)


_SIGNS = {
    ">=": _text("is at least", "is minstens"),
    ">": _text("is more than", "is meer dan"),
    "<=": _text("is at most", "is hoogstens"),
    "<": _text("is less than", "is minder dan"),
    "=": _text("is", "is"),
    "!=": _text("is not", "is niet"),
}
_SIGNS_IN_TIME = _SIGNS | {
    ">=": _text("is on or after", "is op of na"),
    ">": _text("is after", "is na"),
    "<=": _text("is on or before", "is op of voor"),
    "<": _text("is before", "is voor"),
}
FUNCTION_WORDS = {
    "abs": _text("the size of {0}", "de grootte van {0}"),
    "min": _text("the smallest of {all}", "het kleinste van {all}"),
    "max": _text("the largest of {all}", "het grootste van {all}"),
    "percent_fall": _text("the fall from {0} to {1}", "de daling van {0} naar {1}"),
    "days_between": _text("the number of days from {0} to {1}", "het aantal dagen van {0} tot {1}"),
    "months_between": _text("the number of months from {0} to {1}", "het aantal maanden van {0} tot {1}"),
    "minutes_between": _text("the number of minutes from {0} to {1}", "het aantal minuten van {0} tot {1}"),
    "age_in_years": _text("the age in years by {0} on {1}", "de leeftijd in jaren naar {0} op {1}"),
    "minutes": _text("{0} minutes", "{0} minuten"),
    "hours": _text("{0} hours", "{0} uur"),
    "days": _text("{0} days", "{0} dagen"),
    "weeks": _text("{0} weeks", "{0} weken"),
    "months": _text("{0} months", "{0} maanden"),
    "years": _text("{0} years", "{0} jaar"),
}
AGGREGATE_WORDS = {
    "count": _text("the number of rows of “{group}”", "het aantal rijen van “{group}”"),
    "count_where": _text("the number of rows of “{group}” in which {0}", "het aantal rijen van “{group}” met {0}"),
    "sum": _text("the sum of {0} over “{group}”", "de som van {0} over “{group}”"),
    "min": _text("the smallest {0} of “{group}”", "het kleinste van {0} in “{group}”"),
    "max": _text("the largest {0} of “{group}”", "het grootste van {0} in “{group}”"),
    "any": _text("in a row of “{group}”: {0}", "in een rij van “{group}”: {0}"),
    "all": _text("in every row of “{group}”: {0}", "in elke rij van “{group}”: {0}"),
}
_UNITS = {
    Unit.MINUTES: FUNCTION_WORDS["minutes"],
    Unit.DAYS: FUNCTION_WORDS["days"],
    Unit.MONTHS: FUNCTION_WORDS["months"],
}
_SYMBOLS = {"+": "+", "-": "−", "*": "×", "/": "÷"}
_YES_NO = {True: _text("yes", "ja"), False: _text("no", "nee")}
_AT = _text("{item} at “{visit}”", "{item} bij “{visit}”")
_BEFORE = _text("the visit before", "het vorige bezoek")
_ANSWERED = _text("{name}: {answer}", "{name}: {answer}")
_NOT = _text("not ({part})", "niet ({part})")
_BOTH, _EITHER = _text(", and ", ", en "), _text(", or ", ", of ")
_PRESENT, _MISSING = (
    _text("{part} has a value", "{part} heeft een waarde"),
    _text("{part} is missing", "{part} ontbreekt"),
)
_ONE_OF = _text("{part} is one of {options}", "{part} is een van {options}")
_HAS = _text("{part} includes {code}", "{part} bevat {code}")
_CHOICE = _text("{one} if {test}, otherwise {other}", "{one} als {test}, anders {other}")
_FALL = _text("the fall of {item} from “{first}” to “{then}”", "de daling van {item} van “{first}” naar “{then}”")
_FELL = _text("{first} to {then}, a fall of {percent} %", "{first} naar {then}, een daling van {percent} %")
_ROSE = _text("{first} to {then}, a rise of {percent} %", "{first} naar {then}, een stijging van {percent} %")
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class _Words:
    definition: StudyDefinition
    language: str
    form: Form | None = None

    def say(self, text: Text, **parts: str) -> str:
        return text(self.language).format(**parts)

    # --- what holds or does not -----------------------------------------------------------------------------------

    def truth(self, node: Node) -> str:
        match node:
            case Junction(parts=parts, decided_by=either):
                joiner = (_EITHER if either else _BOTH)(self.language)
                return joiner.join(self._within(part) for part in parts)
            case Inverse(part=Reference() as reference):
                return self._answered(reference, False)
            case Inverse(part=part):
                return self.say(_NOT, part=self.truth(part))
            case Comparison():
                return self._comparison(node)
            case Presence(part=part, wanted=wanted):
                return self.say(_PRESENT if wanted else _MISSING, part=self.value(part))
            case Membership(part=part, options=options):
                listed = ", ".join(self.constant(option, part) for option in options)
                return self.say(_ONE_OF, part=self.value(part), options=listed)
            case Holding(part=part, code=code):
                return self.say(_HAS, part=self.value(part), code=f"“{self._code(code, part)}”")
            case Reference():
                return self._answered(node, True)
            case _:
                return self.value(node)

    def _within(self, part: Node) -> str:
        return f"({self.truth(part)})" if isinstance(part, Junction) else self.truth(part)

    def _answered(self, reference: Reference, answer: bool) -> str:
        return self.say(_ANSWERED, name=self.value(reference), answer=_YES_NO[answer](self.language))

    def _comparison(self, node: Comparison) -> str:
        signs = _SIGNS_IN_TIME if self._is_of_time(node.left) or self._is_of_time(node.right) else _SIGNS
        left, right = self._side(node.left, node.right), self._side(node.right, node.left)
        return f"{left} {signs[node.sign](self.language)} {right}"

    def _side(self, node: Node, other: Node) -> str:
        if isinstance(node, Constant):
            return self.constant(node, other) + (" %" if _is_fall(other) else "")
        return self.value(node)

    def _is_of_time(self, node: Node) -> bool:
        return node.kind(self._kind_of) in (Kind.DATE, Kind.TIME)

    def _kind_of(self, path: Path) -> Kind | None:
        item = self._item(path)
        return ITEM_KINDS.get(item.type) if item else None

    # --- values ---------------------------------------------------------------------------------------------------

    def value(self, node: Node) -> str:
        match node:
            case Constant():
                return self.constant(node, None)
            case Reference(path=path):
                return self._named(path)
            case Arithmetic(sign=sign, left=left, right=right):
                return f"{self._operand(left)} {_SYMBOLS[sign]} {self._operand(right)}"
            case Call():
                return self._call(node)
            case Choice(test=test, one=one, other=other):
                return self.say(_CHOICE, test=self.truth(test), one=self.value(one), other=self.value(other))
            case Aggregate():
                return self._aggregate(node)
            case _:
                return self.truth(node)

    def _operand(self, node: Node) -> str:
        return f"({self.value(node)})" if isinstance(node, Arithmetic | Choice) else self.value(node)

    def _call(self, node: Call) -> str:
        same = _same_item(node)
        if same:
            first, then = (self._visit(reference.path[0]) for reference in same)
            return self.say(_FALL, item=self._label(same[0].path), first=first, then=then)
        given = [self.value(part) for part in node.parts]
        return FUNCTION_WORDS[node.name](self.language).format(*given, all=", ".join(given))

    def _aggregate(self, node: Aggregate) -> str:
        if node.group is None:  # of several values, or of one that stands in no rows
            return FUNCTION_WORDS[node.name](self.language).format(all=self.value(node.part))
        said = "" if node.name == "count" else self._of_row(node.part)
        return AGGREGATE_WORDS[node.name](self.language).format(said, group=self._group(node.group))

    def _of_row(self, part: Node) -> str:
        return self.truth(part) if part.kind(self._kind_of) is Kind.TRUTH else self.value(part)

    def _named(self, path: Path) -> str:
        label = self._label(path)
        return self.say(_AT, item=label, visit=self._visit(path[0])) if len(path) > 2 else label

    def _label(self, path: Path) -> str:
        item = self._item(path)
        return item.label(self.language) if item else path[-1]

    def _visit(self, slug: str) -> str:
        if slug == PREVIOUS:
            return _BEFORE(self.language)
        key, _dash, ordinal = slug.partition("-")
        return f"{self.definition.visit(key).label(self.language)} {ordinal}".rstrip()

    def _group(self, path: Path) -> str:
        group = self.definition.form(path[1]).groups.get(path[2]) if len(path) > 2 else None
        return group.label(self.language) if group else path[-1]

    def _form(self, path: Path) -> Form | None:
        if len(path) < 3:
            return self.form
        return self.definition.form(path[1]) if self.definition.has_form(path[1]) else None

    def _item(self, path: Path) -> Item | None:
        form = self._form(path)
        return next((item for item in form.items if item.key == path[-1]), None) if form else None

    def constant(self, node: Constant, beside: Node | None) -> str:
        content = node.content
        return f"“{self._code(content, beside)}”" if isinstance(content, str) else self.shown(content)

    def _code(self, code: str, beside: Node | None) -> str:
        item = self._item(beside.path) if isinstance(beside, Reference) else None
        if item is None or item.codelist is None:
            return code
        codelist = self.definition.codelist(item.codelist)
        return codelist.label(code, self.language) if code in codelist.codes else code

    def shown(self, value: Value, beside: Node | None = None) -> str:
        match value:
            case bool():
                return _YES_NO[value](self.language)
            case Decimal():
                return self._number(value)
            case Duration(amount=amount, unit=unit):
                return _UNITS[unit](self.language).format(amount)
            case PartialDate(first=first, last=last):
                return f"{first} – {last}"
            case dt.time():
                return value.isoformat("minutes")
            case tuple():
                return ", ".join(self._code(code, beside) for code in value)
            case str():
                return self._code(value, beside)
            case _:
                return str(value)

    def _number(self, value: Decimal) -> str:
        number = f"{value:f}"
        plain = number.rstrip("0").rstrip(".") if "." in number else number
        return plain.replace(".", ",") if self.language == "nl" else plain

    # --- what a part comes to -------------------------------------------------------------------------------------

    def worked(self, node: Node, scope: Scope) -> str:
        """The values that decide one part and what they come to; "" where that is more than a line, or not known."""
        match node:
            case Comparison(left=Constant(), right=right):
                return self._outcome(right, node, scope)
            case Comparison(left=left):
                return self._outcome(left, node, scope)
            case Presence(part=part) | Membership(part=part) | Holding(part=part):
                return self._outcome(part, None, scope)
            case Reference() | Inverse(part=Reference()) if node.value(scope) is False:
                return self.shown(isinstance(node, Inverse))
            case _:
                return ""

    def _outcome(self, node: Node, held: Comparison | None, scope: Scope) -> str:
        value = node.value(scope)
        if value is None:
            return ""
        if isinstance(node, Call) and _is_fall(node) and isinstance(value, Decimal):
            return self._fell(node, value, held, scope)
        return self.shown(self._rounded(value, node, held, scope), node)

    def _fell(self, node: Call, value: Decimal, held: Comparison | None, scope: Scope) -> str:
        first, then = (self.shown(part.value(scope)) for part in node.parts)
        rounded = self._rounded(value, node, held, scope)
        said = _ROSE if isinstance(rounded, Decimal) and rounded < 0 else _FELL
        percent = self.shown(abs(rounded) if isinstance(rounded, Decimal) else rounded)
        return self.say(said, first=first, then=then, percent=percent)

    def _rounded(self, value: Value, node: Node, held: Comparison | None, scope: Scope) -> Value:
        """With the fewest decimals that leave the comparison as it is."""
        if not isinstance(value, Decimal) or isinstance(node, Reference):
            return value
        return next((tried for tried in _roundings(value) if held is None or self._agrees(tried, held, scope)), value)

    def _agrees(self, tried: Decimal, held: Comparison, scope: Scope) -> bool:
        mirrored = isinstance(held.left, Constant)
        sides = (held.left.value(scope), tried) if mirrored else (tried, held.right.value(scope))
        return compare(held.sign, *sides) is held.value(scope)


def _roundings(value: Decimal) -> Iterator[Decimal]:
    for places in range(_MOST_DECIMALS):
        yield value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _is_fall(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "percent_fall"


def _same_item(node: Call) -> tuple[Reference, Reference] | None:
    """The references of a fall of one item between two visits."""
    if not _is_fall(node):
        return None
    match node.parts:
        case (Reference() as first, Reference() as then) if len(first.path) == 3 and first.path[1:] == then.path[1:]:
            return first, then
        case _:
            return None
