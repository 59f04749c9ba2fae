"""The one door for writes of this room: making lists, allocating, and what can happen to an allocation afterwards."""

from randomization.actions.allocations import allocate
from randomization.actions.code_breaks import break_code, notice_code_break
from randomization.actions.corrections import correct_stratum
from randomization.actions.envelopes import enter_envelope, export_envelopes
from randomization.actions.extensions import activate_extension, extend_list
from randomization.actions.flags import ask_flag_withdrawal, countersign_in_error, flag_in_error, withdraw_flag
from randomization.actions.limits import lift_hold, place_hold, set_cap
from randomization.actions.lists import activate_list, import_list, make_list, reveal_list

__all__ = [
    "activate_extension",
    "activate_list",
    "allocate",
    "ask_flag_withdrawal",
    "break_code",
    "correct_stratum",
    "countersign_in_error",
    "enter_envelope",
    "export_envelopes",
    "extend_list",
    "flag_in_error",
    "import_list",
    "lift_hold",
    "make_list",
    "notice_code_break",
    "place_hold",
    "reveal_list",
    "set_cap",
    "withdraw_flag",
]
