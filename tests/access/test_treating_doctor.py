"""Who may name the treating doctor: the holder; a doctor for himself, where the holder has decided nothing."""

import datetime as dt

import pytest
from django.urls import reverse
from django.utils import timezone

from access import grants
from access.facts import Act
from access.gate import enter
from access.models import TREATING, DossierGrant
from audit.trail import Event
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


@pytest.fixture
def doctor():
    return make.ProfessionalFactory()


def decided(dossier, act, *args, **options):
    """The holder's own decision."""
    with enter(make.holder(dossier), Act.AUTHORISE, Event.ACCESS_GRANTED, dossier_id=dossier.pk, lock=True) as entry:
        act(entry, *args, **options)


def name_himself(api, dossier, doctor):
    url = f"/api/v1/dossiers/{dossier.pk.hex}/medecin-traitant"
    return api(doctor).post(url, {"consent": True}, format="json")


def treating(dossier):
    running = DossierGrant.rights.running().filter(content_object=dossier, permission__codename=TREATING)
    return [grant.user.professional for grant in running]


@pytest.mark.parametrize("limits", [{"extent": "limited", "families": ["biologie"]}, {"extent": "general"}])
def test_whom_the_holder_authorised_herself_does_not_make_himself_treating_doctor(api, dossier, doctor, limits):
    make.DocumentFactory(dossier=dossier, hidden=True)
    until = timezone.now() + dt.timedelta(days=5)
    decided(dossier, grants.authorise, doctor, until, source="web", express=True, **limits)
    answer = name_himself(api, dossier, doctor)
    assert (answer.status_code, "Autorisations" in answer.data["detail"]) == (422, True)
    listed = api(doctor).get(f"/fhir/DocumentReference?patient={dossier.pk.hex}&status=current&_total=accurate")
    assert (treating(dossier), listed.json()["total"]) == ([], 0)


def test_the_treating_doctor_whom_the_holder_named_is_replaced_by_her_alone(api, holder_client, dossier, doctor):
    hers = make.ProfessionalFactory()
    decided(dossier, grants.name_treating, hers, source="web")
    assert name_himself(api, dossier, doctor).status_code == 422
    assert treating(dossier) == [hers]
    holder_client(dossier).post(reverse("decide", args=[doctor.pk, "medecin-traitant"]))
    assert treating(dossier) == [doctor]


def test_recorded_again_by_himself_it_stays_what_the_holder_said(api, dossier, doctor):
    decided(dossier, grants.name_treating, doctor, source="web")
    before = DossierGrant.rights.values().get()
    assert name_himself(api, dossier, doctor).status_code == 200
    assert DossierGrant.rights.values().get() == before
    assert name_himself(api, dossier, make.ProfessionalFactory()).status_code == 422


def test_one_who_recorded_himself_is_replaced_by_one_who_does_and_the_holder_is_told(api, dossier, doctor):
    assert name_himself(api, dossier, make.ProfessionalFactory()).status_code == 200
    assert name_himself(api, dossier, doctor).status_code == 200
    assert treating(dossier) == [doctor]
    notice = Notice.objects.get(dossier=dossier)
    assert (notice.kind, "médecin traitant" in str(notice)) == ("treating_named", True)
