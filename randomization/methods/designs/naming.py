"""Short names of designs, to write on a command line or in a box: ``blocks:4,6``, ``big_stick:3``, ``complete``.

A name gives the method and its parameters; arms and factors come from the trial. ``blocks:4x2,6`` weighs blocks of 4
twice; ``minimisation:variance,4/5`` takes every factor of the trial with weight 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from randomization.methods.designs.form import Design, Parameters
from randomization.methods.designs.reading import design_from
from randomization.methods.findings import DesignRefused, finding, gettext_noop

Factors = Mapping[str, Sequence[str]]
_SIZE = re.compile(r"([0-9]{1,3})(?:x([0-9]{1,4}))?")
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "complete": (),
    "big_stick": ("mti",),
    "block_urn": ("lambda",),
    "biased_coin": ("p",),
    "biased_coin_with_tolerance": ("p", "mti"),
    "urn": ("a", "b"),
    "asymptotic_maximal": ("mti",),
    "minimisation": ("measure", "p"),
}


def design_named(name: str, *, ratio: Mapping[str, int], factors: Factors) -> Design:
    """The design of a short name. ``factors``: name to levels. DesignRefused when the name gives none."""
    method, _, rest = name.strip().partition(":")
    given = [part.strip() for part in rest.split(",") if part.strip()]
    if method == "blocks":
        return design_from({"method": "permuted_blocks", "ratio": dict(ratio), "block_sizes": _sizes(name, given)})
    wanted = _PARAMETERS.get(method)
    if wanted is None or len(given) != len(wanted):
        raise DesignRefused(finding(_UNKNOWN, name=name))
    parameters = {key: _value(text) for key, text in zip(wanted, given, strict=True)}
    with_levels = {factor: {"levels": list(levels), "weight": 1} for factor, levels in factors.items()}
    return design_from({"method": method, "ratio": dict(ratio), "factors": with_levels, **parameters})


def name_of(design: Design) -> str:
    """The short name that gives this design in its own trial; weights of the factors of minimisation are left out."""
    given = design.parameters()
    if given["method"] == "permuted_blocks":
        sizes = given["block_sizes"].items()
        return "blocks:" + ",".join(size if weight == 1 else f"{size}x{weight}" for size, weight in sizes)
    values = ",".join(str(given[key]) for key in _PARAMETERS[given["method"]])
    return f"{given['method']}:{values}" if values else str(given["method"])


def _sizes(name: str, given: Sequence[str]) -> Parameters:
    read = [_SIZE.fullmatch(part) for part in given]
    sizes = {found[1]: int(found[2] or 1) for found in read if found}
    if not given or len(sizes) != len(given):
        raise DesignRefused(finding(_UNKNOWN, name=name))
    return sizes


def _value(text: str) -> str | int:
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else text


_UNKNOWN = gettext_noop(
    "%(name)r names no design. Write, for instance: blocks:4, blocks:4,6, big_stick:3, block_urn:2, "
    "biased_coin_with_tolerance:2/3,3, asymptotic_maximal:3, minimisation:range,4/5, complete."
)
