"""Which statements, branches and lines of templates the tests run, at a few percent of their time: decision 0018.

``pytest -p tests.measuring.plugin`` writes what a process ran, ``python -m tests.measuring.together`` hands what all
of them ran to coverage.py, which reports it.
"""
