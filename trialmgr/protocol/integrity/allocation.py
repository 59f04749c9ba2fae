"""Whether the method of allocation fits the arms, and its factors the forms."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from trialmgr.protocol.integrity.findings import Finding, Findings, Rules
from trialmgr.protocol.integrity.keys import repeated
from trialmgr.protocol.integrity.rules import item_named
from trialmgr.protocol.model import ItemType, RandomizationDesign, StudyDefinition


def _allocation(study: StudyDefinition) -> Findings:
    design = study.randomization
    if design is None:
        return
    yield from repeated(("randomization", "factors"), (factor.key for factor in design.factors))
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
    item = item_named(study, None, ".".join(path)) if len(path) == 3 else None
    return item is not None and item.type in (ItemType.CHOICE, ItemType.YES_NO)


RULES: Rules = (_allocation,)
