"""Who most tests of documents are about: a dossier, and a doctor who has no right on it yet."""

import pytest

from access.models import Professional
from patients.models import Dossier
from tests import factories as make


@pytest.fixture
def dossier(code_tables: None) -> Dossier:
    return make.DossierFactory()


@pytest.fixture
def doctor(dossier: Dossier) -> Professional:
    return make.ProfessionalFactory()
