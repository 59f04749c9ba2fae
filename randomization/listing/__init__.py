"""Lists of places as plain data: made, imported, lengthened, sealed, revealed and verified."""
