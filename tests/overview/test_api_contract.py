"""The API keeps to its own description: schemathesis makes up requests, every answer must be one described there.

By itself: pytest -p schemathesis.pytest.plugin tests/overview/test_api_contract.py
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, settings
from pytest_django import DjangoDbBlocker
from rest_framework.authtoken.models import Token
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.walk import at_week_8
from trialmgr.overview.rehearsal.cast import standing_cast
from trialmgr.people.permissions import Role

pytestmark = [pytest.mark.slow, pytest.mark.daily_on("postgresql")]
EXAMPLES = 8
# Values that exist, so that requests get past "there is no such participant".
KNOWN = {
    "number": "UMCG-001",
    "slug": "baseline",
    "form": "madrs",
    "row": 1,
    "query": 1,
    "phase": "follow_up",
    "version": "consent_v1",
}


def _description() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--format", "openapi-json", stdout=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    return document


schema = schemathesis.openapi.from_dict(_description())
schema.app = WSGIHandler()


@pytest.fixture(scope="module")
def tokens(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[str]]:
    """Of those who may most: at the site, in monitoring and in data management."""
    with django_db_blocker.unblock(), transaction.atomic():
        cast = standing_cast()
        at_week_8(cast, "UMCG")
        # Each request would end with closing the connection that holds the transaction.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        roles = (Role.INVESTIGATOR, Role.RATER, Role.MONITOR, Role.DATA_MANAGER)
        yield [Token.objects.create(user=cast.at("UMCG", role)).key for role in roles]
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_description_names(case: schemathesis.Case[Any], tokens: list[str]) -> None:
    case.path_parameters = {name: KNOWN.get(name, value) for name, value in (case.path_parameters or {}).items()}
    for token in tokens:
        before = transaction.savepoint()
        case.call_and_validate(
            headers={"Authorization": f"Token {token}"},
            checks=[not_a_server_error, status_code_conformance, response_schema_conformance],
        )
        transaction.savepoint_rollback(before)
