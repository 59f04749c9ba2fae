"""How even the arms are, beside what the design lets one expect."""
