"""Who an invented participant is: drawn once, from streams of their own, before anything happens."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from functools import cached_property

from trialmgr.overview.rehearsal.invention.profile import Course, Profile


@dataclass(frozen=True)
class Persona:
    """One invented participant. A stream for each purpose: what one part draws never shifts another's draws."""

    seed: int
    number: int
    profile: Profile

    def stream(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed}/{self.number}/{purpose}")  # noqa: S311  invention, not secrecy

    def happens(self, purpose: str, share: float) -> bool:
        return self.stream(purpose).random() < share

    def trait(self, name: str) -> float:
        """A standing trait between 0 and 1, mostly in the middle: weight, pulse and the like stay near it."""
        return self.stream(f"trait/{name}").triangular(0.1, 0.9, 0.45)

    @cached_property
    def fails_screening(self) -> bool:
        return self.happens("screen failure", self.profile.screen_failure)

    @cached_property
    def declines(self) -> bool:
        """Of those who fail, some say no before a criterion does."""
        return self.fails_screening and self.happens("declines", 0.25)

    @cached_property
    def drops_out(self) -> bool:
        return self.happens("drop out", self.profile.drop_out)

    @cached_property
    def _course(self) -> tuple[float, float, float | None]:
        """Severity at the start, share of it left after the course, day of a relapse."""
        course, drawn = self.profile.course, self.stream("course")
        responds = drawn.random() < self.profile.responder
        start = _clamped(drawn.gauss(*course.start), 0.4, 0.9)
        left = drawn.gauss(*(course.left_responder if responds else course.left_other))
        relapse = course.days + drawn.randint(30, 250) if drawn.random() < course.relapse else None
        return start, _clamped(left, 0.05, 1.1), relapse

    def severity(self, day: int | None) -> float:
        """Between 0 and 1, so many days after the allocation; None: before it."""
        start, left, relapse = self._course
        if day is None or day <= 0:
            return start
        if relapse is not None and day > relapse:
            left = left + (0.9 - left) * min(1.0, (day - relapse) / 60)
        return start * (1 - (1 - left) * _fallen(day, self.profile.course))


def _fallen(day: int, course: Course) -> float:
    """Share of the course's fall that has happened: fast at first, whole at its last day."""
    return min(1.0, (1 - math.exp(-2.5 * day / course.days)) / (1 - math.exp(-2.5)))


def _clamped(value: float, low: float, high: float) -> float:
    return max(low, min(high, value))
