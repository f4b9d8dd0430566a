"""/api/v1 against its own description: whatever is sent, by whomever, the answer is one that /api/schema announces.

No 5xx, no status, type or body that the description does not know, no door that answers without its token.
"""

import json
import time
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from access import demo_issuer
from tests import factories as make

pytestmark = pytest.mark.django_db

CALLERS = ["anonymous", "expired", "authorised", "treating", "unknown", "blocked", "Centre 15"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]


def fuzzed(count: int) -> Any:
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def application(code_tables, client):
    """The portal in this process, and what it says of itself."""
    make.matrix()
    described = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    schema = schemathesis.openapi.from_dict(json.loads(described.content))
    schema.app = get_wsgi_application()
    # As Django's own test client does: a request in this process must not close the test's connection.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield schema
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.fixture
def dossier():
    dossier = make.DossierFactory()
    make.DocumentFactory(dossier=dossier)
    return dossier


def headers_of(caller: str, dossier: Any) -> dict[str, str]:
    if caller == "anonymous":
        return {}
    who = make.ProfessionalFactory()
    make.account(who)
    rights = {"authorised": make.permit, "treating": make.treat, "blocked": make.forbid}
    if caller in rights:
        rights[caller](dossier, who)
    claims = demo_issuer.claims_of(who)
    claims |= {"exp": time.time() - 3600} if caller == "expired" else {}
    claims |= {"Acces_Regulation_Medicale": "VRAI"} if caller == "Centre 15" else {}
    purpose = {"DMP-Purpose": "regulation"} if caller == "Centre 15" else {}
    return {"Authorization": f"Bearer {demo_issuer.token(claims)}"} | purpose


def cases(schema: Any, dossier: Any) -> Any:
    """Every operation; on a dossier that is there, and on whatever else."""
    found = []
    for one in schema.get_all_operations():
        operation = one.ok()
        places = [None, {"dossier": dossier.pk.hex}] if "{dossier}" in operation.path else [None]
        found += [operation.as_strategy(mode, path_parameters=place) for mode in MODES for place in places]
    return st.one_of(found)


def fuzz(application: Any, dossier: Any, caller: str, count: int) -> None:
    headers = headers_of(caller, dossier)
    checks = CHECKS if caller in ("anonymous", "expired") else [*CHECKS, ignored_auth]

    @fuzzed(count)
    @given(cases(application, dossier))
    def send(case: Any) -> None:
        here = transaction.savepoint()
        try:
            answer = case.call_and_validate(headers=headers, checks=checks)
            if caller in ("anonymous", "expired"):
                assert answer.status_code in (401, 404, 405)
        finally:
            transaction.savepoint_rollback(here)

    send()


@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_that_the_description_announces(application, dossier, caller):
    fuzz(application, dossier, caller, 120)


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_that_the_description_announces_at_length(application, dossier, caller):
    fuzz(application, dossier, caller, 3000)
