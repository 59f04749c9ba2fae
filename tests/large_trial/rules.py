"""What a copy has of its own in the columns that no key explains. What is unique and stands nowhere here is refused.

In each expression ``c`` is the copy and ``{column}`` the column as the source has it.
"""

from __future__ import annotations

COPIES, MARKS, DIGESTS, ACTS = ("large_trial_copy", "large_trial_mark", "large_trial_digest", "large_trial_act")
KEPT = "{column}"

_DIGEST = f'(SELECT d."new" FROM {DIGESTS} d WHERE d."rank" = c."rank" AND d."old" = {{column}})'

DIGESTED = frozenset({"crf.Signature.digest", "crf.EligibilityDecision.digest", "crf.Verification.digest"})

# References that are empty in what a rehearsal makes: no row is reached by them.
EMPTY = frozenset({"crf.Query.visit"})

RULES = {
    "crf.Freeze.site": KEPT,
    "participants.Participant.number": 'c."number"',
    "participants.ContactDetails.sealed": 'c."sealed"',
    "participants.IdentityMark.mark": (
        f'(SELECT m."mark" FROM {MARKS} m WHERE m."rank" = c."rank" AND m."kind" = t."kind")'
    ),
    "participants.DifferentPerson.other": KEPT,
    "randomization.Allocation.row": 'c."row"',
    "randomization.Allocation.idempotency_key": 'c."idempotency_key"',
    **dict.fromkeys(DIGESTED, _DIGEST),
}

# Columns of rows that do not hang on a participant and that move on with each: the new value.
COUNTERS = {
    "people.Site.next_participant": 'c."ordinal" + 1',
    "randomization.Stratum.used": 'c."position"',
}
