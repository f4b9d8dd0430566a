"""Who most tests of an act are about, and the instant at which it is done."""

from typing import Any

import pytest

from access.models import Professional
from patients.models import Dossier
from tests import factories as make
from tests.access.acts import NOW
from tests.access.counter import LIVE, look_for


@pytest.fixture
def clock(time_machine: Any) -> Any:
    """Noon of one day, until a test moves it."""
    time_machine.move_to(NOW, tick=False)
    return time_machine


@pytest.fixture
def dossier(code_tables: None) -> Dossier:
    return make.DossierFactory()


@pytest.fixture
def doctor(dossier: Dossier) -> Professional:
    """Without a right on it yet."""
    return make.ProfessionalFactory(family="CARON", given="Inès")


@pytest.fixture
def opened(client: Any, agent: Any) -> Dossier:
    """A dossier opened at the counter, its person on the agent's screen."""
    look_for(client, make.InsuredFactory(email=""))
    client.post("/guichet/ouvrir/", LIVE)
    return Dossier.objects.get()
