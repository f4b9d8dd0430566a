"""The header DMP-Mode: on which emergency a dossier is read now, and until when (EX_0.3-1050)."""

import datetime as dt

import pytest

from access import modes
from access.facts import Authorisation, Facts, Purpose, Role
from access.models import EmergencyAccess
from tests import factories as make

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
READS = {"readable": frozenset({"11502-2"}), "vital": frozenset({"11502-2"})}
REGULATION = {"purpose": Purpose.REGULATION, "regulator": True}


@pytest.fixture
def caller():
    return make.caller(make.ProfessionalFactory())


def opened(dossier, user, kind, hours, since=NOW):
    reason = "x" if kind == "break_glass" else ""
    return EmergencyAccess.objects.create(
        dossier=dossier, user=user, kind=kind, reason=reason, since=since, until=since + hours * HOUR
    )


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, ""),
        ({"broke_glass": True}, "urgence; jusqua=2026-11-23T16:00:00+00:00"),
        ({"typed_number": True}, "numero-urgence; jusqua=2026-11-23T14:00:00+00:00"),
        ({"broke_glass": True, "treating": True}, ""),  # he reads by right
        ({"typed_number": True, "authorisation": Authorisation(express=True)}, ""),
        ({"broke_glass": True, "blocked": True}, ""),
        (REGULATION, "regulation"),
        (REGULATION | {"allows_regulation": False}, ""),
    ],
)
def test_the_ground_on_which_he_reads_now_and_its_end(caller, known, said):
    dossier = make.DossierFactory()
    opened(dossier, caller.user, "break_glass", 4)
    opened(dossier, caller.user, "number", 2)
    opened(dossier, caller.user, "break_glass", 5, since=NOW - 3 * HOUR)  # running too, less long
    opened(dossier, caller.user, "number", 3, since=NOW - 2 * HOUR)
    opened(dossier, caller.user, "break_glass", 1, since=NOW - 2 * HOUR)  # over
    opened(dossier, make.account(make.ProfessionalFactory()), "break_glass", 9)  # another's
    opened(make.DossierFactory(), caller.user, "break_glass", 9)  # elsewhere
    caller.seen.append(Facts(Role.PROFESSIONAL, dossier.pk, NOW, **READS, **known))
    assert modes.header_of(caller) == said


def test_nothing_is_said_of_a_request_that_touched_no_dossier(caller):
    assert modes.header_of(caller) == ""


def test_the_first_dossier_read_in_an_emergency_is_told(caller):
    ordinary, urgent = make.DossierFactory(), make.DossierFactory()
    caller.seen.append(Facts(Role.PROFESSIONAL, ordinary.pk, NOW, **READS, treating=True))
    caller.seen.append(Facts(Role.PROFESSIONAL, urgent.pk, NOW, **READS, **REGULATION))
    assert modes.header_of(caller) == "regulation"
