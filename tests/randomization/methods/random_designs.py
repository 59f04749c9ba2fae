"""Designs of every method, chosen by a seeded source, for tests that go over many."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from randomization.methods.designs import (
    Minimisation,
    OneByOne,
    PermutedBlocks,
    asymptotic_maximal,
    biased_coin,
    biased_coin_with_tolerance,
    big_stick,
    block_urn,
    complete_randomization,
    minimisation,
    permuted_blocks,
    urn,
)

TWO = {"ect": 1, "esketamine": 1}


def random_ratio(random: Random) -> dict[str, int]:
    return {f"arm{number}": random.randint(1, 3) for number in range(random.randint(2, 5))}


def random_blocks(random: Random) -> PermutedBlocks:
    ratio = random_ratio(random)
    total = sum(ratio.values())
    rounds = random.sample(range(1, 100 // total + 1), k=min(random.randint(1, 4), 100 // total))
    return permuted_blocks(ratio, {total * each: random.randint(1, 1000) for each in rounds})


def random_p(random: Random) -> str:
    out_of = random.randint(3, 40)
    return f"{random.randint(out_of // 2 + 1, out_of - 1)}/{out_of}"


def random_one_by_one(random: Random) -> OneByOne:
    ratio, mti = random_ratio(random), random.randint(1, 6)
    equal = dict.fromkeys(ratio, random.randint(1, 2))
    makers: list[Callable[[], OneByOne]] = [
        lambda: complete_randomization(ratio),
        lambda: big_stick(equal, mti=mti),
        lambda: block_urn(ratio, lam=random.randint(1, 5)),
        lambda: biased_coin(TWO, p=random_p(random)),
        lambda: biased_coin_with_tolerance(TWO, p=random_p(random), mti=mti),
        lambda: urn(equal, a=random.randint(0, 3), b=random.randint(1, 3)),
        lambda: asymptotic_maximal(TWO, mti=mti),
    ]
    return random.choice(makers)()


def random_minimisation(random: Random, factors: dict[str, list[str]]) -> Minimisation:
    ratio = random.choice([TWO, {"a": 2, "b": 1}, {"a": 1, "b": 1, "c": 1}])
    return minimisation(
        ratio,
        factors=factors,
        weights={name: random.randint(1, 3) for name in factors},
        measure=random.choice(["range", "variance"]),
        p=random.choice(["7/10", "4/5", "9/10"]),
    )


def random_design(random: Random) -> PermutedBlocks | OneByOne:
    return random_blocks(random) if random.random() < 0.4 else random_one_by_one(random)
