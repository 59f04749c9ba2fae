"""Designs: how the next arm is chosen. One module a family; ``design_from`` reads any of them."""

from randomization.methods.designs.blocks import LARGEST_BLOCK, PermutedBlocks, permuted_blocks
from randomization.methods.designs.form import LARGEST_MTI, NAME, Design, Parameters, State
from randomization.methods.designs.minimisation import Minimisation, MinimisedAllocation, minimisation, replay
from randomization.methods.designs.naming import design_named, name_of
from randomization.methods.designs.one_by_one import (
    AsymptoticMaximal,
    BiasedCoin,
    BiasedCoinWithTolerance,
    BigStick,
    BlockUrn,
    CompleteRandomization,
    OneByOne,
    Urn,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    urn,
)
from randomization.methods.designs.reading import METHODS, design_from

__all__ = [
    "LARGEST_BLOCK",
    "LARGEST_MTI",
    "METHODS",
    "NAME",
    "AsymptoticMaximal",
    "BiasedCoin",
    "BiasedCoinWithTolerance",
    "BigStick",
    "BlockUrn",
    "CompleteRandomization",
    "Design",
    "Minimisation",
    "MinimisedAllocation",
    "OneByOne",
    "Parameters",
    "PermutedBlocks",
    "State",
    "Urn",
    "asymptotic_maximal",
    "biased_coin",
    "biased_coin_with_tolerance",
    "big_stick",
    "block_urn",
    "complete_randomization",
    "design_from",
    "design_named",
    "minimisation",
    "name_of",
    "permuted_blocks",
    "replay",
    "urn",
]
