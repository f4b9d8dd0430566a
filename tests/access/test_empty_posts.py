"""A form sent without its fields is answered as one left empty: a person's browser never does, a program may."""

import pytest
from django.urls import reverse

from tests import factories as make

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("door", "status", "goes_to"),
    [
        ("search_professional", 302, "search_professional"),
        ("emergency_card_pdf", 302, "profile_emergency"),
        ("sessions", 302, "sessions"),
        ("dossiers", 404, ""),
    ],
)
def test_the_holder_s_pages(holder_client, code_tables, door, status, goes_to):
    answer = holder_client(make.DossierFactory()).post(reverse(door), {})
    assert (answer.status_code, answer.headers.get("Location", "")) == (status, reverse(goes_to) if goes_to else "")


@pytest.mark.usefixtures("back_office")
def test_the_counter_s_list_of_work(client, agent):
    answer = client.post("/guichet/demandes/", {})
    assert (answer.status_code, "Aucune demande de vos caisses" in answer.content.decode()) == (200, True)
