"""Profil › « Donner mon accord sans téléphone »."""

import pytest
from django.contrib.auth.hashers import check_password
from django.urls import reverse

from access.models import ConsentMeans
from audit.models import Trace
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dossier(code_tables):
    return make.DossierFactory()


def test_a_grid_is_a_pdf_kept_nowhere(holder_client, dossier):
    client = holder_client(dossier)
    answer = client.post(reverse("profile_grid"))
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (
        200,
        "application/pdf",
        "no-store",
    )
    assert answer.content.startswith(b"%PDF")
    assert len(ConsentMeans.objects.get().grid) == 40
    assert "encore 40 codes" in client.get(reverse("profile_means")).content.decode()
    assert Trace.objects.about(dossier.pk).filter(event="means_changed").count() == 1


def test_a_pin_is_set_and_removed(holder_client, dossier):
    client = holder_client(dossier)
    assert client.post(reverse("profile_means"), {"pin": "48217"}).status_code == 302
    assert check_password("48217", ConsentMeans.objects.get().pin)
    page = client.get(reverse("profile_means")).content.decode()
    assert "48217" not in page
    client.post(reverse("profile_means"), {"retirer": "1"})
    assert ConsentMeans.objects.get().pin == ""


@pytest.mark.parametrize("pin", ["", "123", "12345678901", "abcd"])
def test_a_pin_of_another_shape_is_refused_and_not_shown_again(holder_client, dossier, pin):
    answer = holder_client(dossier).post(reverse("profile_means"), {"pin": pin})
    assert answer.status_code == 422
    assert not ConsentMeans.objects.exists()
