"""Lists of places as plain data: made, imported, extended, sealed, revealed and verified."""
