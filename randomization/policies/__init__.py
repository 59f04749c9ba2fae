"""Does the state of the list and of the casebook allow it? Each ``check_x`` raises with reasons a person can read."""
