"""The casebook: visits, form entries, queries, verification, signatures, freezing, eligibility and gate decisions."""
