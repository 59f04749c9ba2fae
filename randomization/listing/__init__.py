"""Lists of places as plain data: made, brought in, lengthened, sealed, revealed and verified."""
