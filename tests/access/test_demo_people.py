"""The people of the demonstration: loaded again, nothing is there twice; the codes of the staff work."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP

from access import demo_people
from access.models import DossierGrant, Representation, User
from patients.models import Dossier

pytestmark = pytest.mark.django_db(transaction=True)


def test_loaded_twice_nothing_is_there_twice(code_tables):
    counts = []
    for _ in range(2):
        demo_people.load_registers()
        demo_people.load_people()
        kinds = (User, Dossier, Representation, DossierGrant, Authenticator)
        counts.append([kind.objects.count() for kind in kinds])
    assert counts[0] == counts[1]
    assert counts[0][1] == 6  # journeys J1 to J6
    agent = Authenticator.objects.get(user__email=demo_people.AGENT[0])
    assert TOTP(agent).validate_code(demo_people.code_now("agent"))
