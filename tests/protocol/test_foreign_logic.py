"""Formulas of REDCap and OpenEDC in our expressions: the same meaning, or a refusal with its reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialmgr.protocol.exchange.foreign_logic import CannotTranslate, Known, calculation, condition, negated
from trialmgr.protocol.expressions import Path, parse
from trialmgr.protocol.values import Value

CODES = {"1": "1", "2": "2", "10": "10"}
ITEMS = {
    "sex": Known("sex", "choice", CODES),
    "word": Known("word", "choice", {"a b": "a_b"}),
    "eff": Known("eff", "multi_choice", CODES),
    "aids___9": Known("aids_9", "yes_no"),
    "age": Known("age", "integer"),
    "h": Known("h", "decimal"),
    "d1": Known("d1", "date"),
    "d2": Known("v.f.d2", "date"),
    "yn": Known("yn", "yes_no"),
    "t": Known("t", "text"),
    "clock": Known("clock", "time"),
    "scan": Known("scan", "file"),
}


def known(name: str, event: str) -> Known | None:
    return ITEMS.get(name) if not event else None


@pytest.mark.parametrize(
    ("formula", "ours"),
    [
        ("[sex] = '1' and [eff(2)] = '1'", "sex = '1' and eff has '2'"),
        ("[sex]='01'", "sex = '1'"),
        (
            "[eff(2)] = '0' OR [eff(1)] <> 1",
            "(not (eff has '2') or eff is missing) or (not (eff has '1') or eff is missing)",
        ),
        ("[eff(2)] = ''", "(not (eff has '2') or eff is missing)"),
        ("[eff(2)]", "eff has '2'"),
        ("[aids(9)] = '1'", "aids_9 = true"),
        ("[sex] <> '1'", "(sex != '1' or sex is missing)"),
        ("[sex] > 1", "sex in ('2', '10')"),
        ("[sex] <= 2", "sex in ('1', '2')"),
        ('[age] >= 18 && [yn] == 0 || ([t] = "x")', "age >= 18 and yn = false or (t = 'x')"),
        ("18 < [age]", "age > 18"),
        ("[t] <> ''", "t is present"),
        ('[t] = ""', "t is missing"),
        ("[d1] > '2020-01-31'", "d1 > date('2020-01-31')"),
        ("[d1] < [d2]", "d1 < v.f.d2"),
        ("[age] + 1 > [h] * 2", "age + 1 > h * 2"),
        ("!([sex] = 1)", "not (sex = '1')"),
        ("not [yn]", "not (yn)"),
        ("!([yn] = 1) and [yn]", "not (yn = true) and yn"),
        ("([yn])", "yn"),
        ("datediff([d1],[d2],'d') > 3", "abs(days_between(d1, v.f.d2)) > 3"),
        ("[age] = -1", "age = -1"),
    ],
)
def test_conditions(formula: str, ours: str) -> None:
    assert condition(formula, known).text == ours
    parse(ours)


def test_where_a_blank_is_unknown_anyway_unequal_stays_plain() -> None:
    assert condition("sex != '1'", known, blank_differs=False).text == "sex != '1'"


@pytest.mark.parametrize(
    "formula",
    [
        "[nowhere] = 1",
        "[visit_1][age] = 1",
        "[a][b][c] = 1",
        "[age]",
        "[sex] = '7'",
        "[sex] > 10",
        "[word] > 1",
        "[word] = '1'",
        "[eff(7)] = 1",
        "[age(1)] = 1",
        "[eff(1)] = 2",
        "[eff] = '1'",
        "[t] > 'a'",
        "[t] < ''",
        '[t] = "it\'s"',
        "[d1] = '31-12-2020'",
        "[yn] > 0",
        "[yn] = 'x'",
        "[clock] = '10:00'",
        "[scan] = 'x'",
        "[scan] = ''",
        "[age] = 'x'",
        "[age] = 1e999",
        "[age] = '1e30'",
        "[age] = 'NaN'",
        "([age] > 1) + 1 = 2",
        "1 +",
        "",
        "(" * 2000,
        "x" * 20_000,
        "!" * 9000 + "[yn]",
        "[h] > [yn]',",
    ],
)
def test_what_cannot_be_said_is_refused(formula: str) -> None:
    with pytest.raises(CannotTranslate):
        condition(formula, known)


@pytest.mark.parametrize(
    ("formula", "ours", "decimals"),
    [
        ("sum([age], [h])", "(age + h)", None),
        ("mean([age],1)", "((age + 1) / 2)", None),
        ("min([age],[h])", "min(age, h)", None),
        ("max([age],[h])", "max(age, h)", None),
        ("abs(-[age])", "abs(-age)", None),
        ("round([h]*10000/([age]^2), 1)", "h * 10000 / ((age * age))", 1),
        ("round([h])", "h", 0),
        ("[h]^3", "(h * h * h)", None),
        ("if([yn] = 1, [age], .5)", "if(yn = true, age, 0.5)", None),
        (
            "[sex] + [yn] + [eff(1)]",
            "if(sex = '1', 1, if(sex = '2', 2, 10)) + if(yn, 1, 0) + if(eff has '1', 1, 0)",
            None,
        ),
        ("datediff([d1],[d2],'y')", "(abs(days_between(d1, v.f.d2)) / 365.2425)", None),
        ("datediff([d1],[d2],'M','ymd',true)", "(days_between(d1, v.f.d2) / 30.44)", None),
        ("rounddown(datediff([d1],[d2],'y'),0)", "age_in_years(d1, v.f.d2)", None),
        ("(2)", "2", None),
    ],
)
def test_calculations(formula: str, ours: str, decimals: int | None) -> None:
    found = calculation(formula, known)
    assert (found.text, found.decimals) == (ours, decimals)


def test_a_list_of_very_many_codes_is_no_number() -> None:
    many = Known("many", "choice", {str(number): str(number) for number in range(100)})
    with pytest.raises(CannotTranslate, match="nested"):
        calculation("[many]", lambda name, event: many)


@pytest.mark.parametrize(
    "formula",
    [
        "sqrt([age])",
        "sum()",
        "if([yn],1)",
        "abs(1,2)",
        "round([age],9)",
        "round(1,2,3)",
        "round([age],0)+1",
        "rounddown([age],0)",
        "rounddown()",
        "datediff([d1],'today','d')",
        "datediff([d1],[d2])",
        "datediff([d1],[d2],'h')",
        "[age]^[h]",
        "[t] + 1",
        "[word] * 2",
        "[age] > 1",
        "[scan]",
    ],
)
def test_calculations_that_cannot_be_said(formula: str) -> None:
    with pytest.raises(CannotTranslate):
        calculation(formula, known)


def test_functions_that_passed_over_blanks_are_pointed_out() -> None:
    assert "sum() passed over blank answers" in calculation("sum([age],1)", known).remarks[0]
    assert "if() took a blank answer" in calculation("if([age] > 1, 1, 2)", known).remarks[0]
    assert calculation("if([age] = '', 1, 2)", known).remarks == ()


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b = 'x(y'", "c is missing"]),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        inner.map(lambda text: f"({text})"),
        st.tuples(inner, inner).map(" and ".join),
    ),
)


@given(EXPRESSIONS)
def test_what_is_negated_says_the_opposite(text: str) -> None:
    for truth in (True, False, None):
        values: dict[Path, Value] = {("a",): truth, ("b",): "x(y", ("c",): None}
        outcome = parse(text).evaluate(values.__getitem__)
        opposite = None if outcome is None else not outcome
        assert parse(negated(text)).evaluate(values.__getitem__) == opposite
        assert parse(negated(negated(text))).evaluate(values.__getitem__) == outcome


@given(st.text(alphabet="[]()'\"<>=!&|+-*/^., 0123age yn sex if sum", max_size=60))
def test_no_formula_breaks_the_translator(text: str) -> None:
    for translate in (condition, calculation):
        try:
            parse(translate(text, known).text)
        except CannotTranslate:
            continue
