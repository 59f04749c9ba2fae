"""A trial of thousands, for benchmarks and tests: a rehearsed one whose participants are copied by SQL.

``python -m tests.large_trial 1000`` on the DATABASE_URL of an empty demo installation; inside a test ``large_trial``.
The copies are whole: numbers, keys, contact details, digests, places in the list, history and audit trail are their
own, and every proof that comes with trialmgr passes on them. No trigger is lifted: rows are only added.
"""
