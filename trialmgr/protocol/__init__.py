"""The study definition: what a protocol says, as plain typed data. No Django, no database."""
