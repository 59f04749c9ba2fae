"""The one door for writes of this room: making lists, allocating, and what can happen to an allocation afterwards."""

from randomization.actions.allocation import allocate
from randomization.actions.making import activate_list, make_list

__all__ = ["activate_list", "allocate", "make_list"]
