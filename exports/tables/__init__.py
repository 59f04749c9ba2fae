"""What a release holds and how it is written and checked. Plain Python: no Django, no database."""
