"""Who did what, when and why: tracked models, the append-only ledger, its verification."""
