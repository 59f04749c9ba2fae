"""What this room knows without Django: designs, lists and their seals, theory, comparison, words. Plain Python."""
