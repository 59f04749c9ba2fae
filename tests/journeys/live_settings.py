"""The settings of the tests for an installation that is no demo and demands a second factor."""

from tests.settings import *  # noqa: F403

TRIALMGR_SECOND_FACTOR = True

# A code lives for ten minutes instead of half a minute: when it is refused the second time, that is not for its age.
MFA_TOTP_PERIOD = 600
