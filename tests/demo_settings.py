"""The settings of the tests for a demo installation: rehearsal lists, pretended days."""

from tests.settings import *  # noqa: F403

TRIALMGR_DEMO = True
