"""From the parameters in a manifest back to the design."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from randomization.methods.designs.blocks import permuted_blocks
from randomization.methods.designs.form import Design
from randomization.methods.designs.minimisation import minimisation
from randomization.methods.designs.one_by_one import (
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    urn,
)
from randomization.methods.findings import DesignRefused, finding, gettext_noop

Given = Mapping[str, Any]


def design_from(parameters: Given) -> Design:
    """The design that ``parameters()`` described. DesignRefused when it describes none."""
    method = parameters.get("method")
    if method not in METHODS:
        raise DesignRefused(finding(_METHOD_UNKNOWN, method=method, known=", ".join(sorted(METHODS))))
    try:
        return METHODS[method](parameters)
    except (KeyError, TypeError, AttributeError) as error:
        raise DesignRefused(finding(_PARAMETERS_BROKEN, detail=repr(error))) from error


def _permuted_blocks(given: Given) -> Design:
    sizes = {_whole(size): weight for size, weight in given["block_sizes"].items()}
    return permuted_blocks(given["ratio"], sizes)


def _minimisation(given: Given) -> Design:
    factors = {name: factor["levels"] for name, factor in given["factors"].items()}
    weights = {name: factor["weight"] for name, factor in given["factors"].items()}
    return minimisation(given["ratio"], factors=factors, weights=weights, measure=given["measure"], p=given["p"])


METHODS: dict[str, Callable[[Given], Design]] = {
    "permuted_blocks": _permuted_blocks,
    "complete": lambda given: complete_randomization(given["ratio"]),
    "big_stick": lambda given: big_stick(given["ratio"], mti=given["mti"]),
    "block_urn": lambda given: block_urn(given["ratio"], lam=given["lambda"]),
    "biased_coin": lambda given: biased_coin(given["ratio"], p=given["p"]),
    "biased_coin_with_tolerance": lambda given: biased_coin_with_tolerance(
        given["ratio"], p=given["p"], mti=given["mti"]
    ),
    "urn": lambda given: urn(given["ratio"], a=given["a"], b=given["b"]),
    "asymptotic_maximal": lambda given: asymptotic_maximal(given["ratio"], mti=given["mti"]),
    "minimisation": _minimisation,
}


def _whole(text: str) -> int:
    """JSON knows only text as a key. A text that is no number becomes 0, which is refused as a block size."""
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


_METHOD_UNKNOWN = gettext_noop("The randomisation method %(method)s is not known. Known methods: %(known)s.")
_PARAMETERS_BROKEN = gettext_noop("The parameters of the design cannot be read (%(detail)s).")
