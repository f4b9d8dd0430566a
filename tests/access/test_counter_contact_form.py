"""What changes the contacts at the counter: a paper seen, one more for the address; the identity is not there."""

from types import SimpleNamespace

import pytest

from access.counter_contact import Contact

SEEN = {"identity": "passeport", "checked": "on", "address": "1 rue des Lilas", "postal_code": "69003"}
HOME = "quittance de loyer"


def patient(email="antoine@example.org", refuses=False):
    dossier = SimpleNamespace(refuses_heirs=refuses)
    return SimpleNamespace(address="1 rue des Lilas", postal_code="69003", email=email, dossier=dossier)


def filled(person=None, **said):
    form = Contact(person or patient(), {name: value for name, value in (SEEN | said).items() if value is not None})
    form.is_valid()
    return form


def test_it_shows_what_is_known():
    form = Contact(patient(refuses=True))
    assert form.initial == {"address": "1 rue des Lilas", "postal_code": "69003", "refuses_heirs": True}
    assert list(form.fields) == [
        "address", "postal_code", "no_email", "refuses_heirs", "identity", "home", "checked",
    ]  # fmt: skip
    assert "no_email" not in Contact(patient(email="")).fields


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, []),
        ({"address": "2 rue des Lilas"}, ["home"]),
        ({"postal_code": "69004"}, ["home"]),
        ({"address": "2 rue des Lilas", "home": HOME}, []),
        ({"address": "2 rue des Lilas", "home": "autre"}, ["home"]),
        ({"home": "autre"}, ["home"]),
        ({"postal_code": "6900"}, ["home", "postal_code"]),
        ({"identity": ""}, ["identity"]),
        ({"checked": None}, ["checked"]),
        ({"no_email": "on"}, []),
    ],
)
def test_an_address_changes_on_a_paper(said, wrong):
    form = filled(**said)
    assert sorted(form.errors) == wrong
    if said.get("home") != "autre" and "home" in wrong:
        assert form.errors["home"] == ["Une adresse se change sur un justificatif."]
    assert all(len(errors) == 1 for errors in form.errors.values())


def test_what_is_wanted_and_on_what_evidence():
    form = filled(address="2 rue des Lilas", home=HOME)
    assert (form.wanted, form.evidence) == (
        {"address": "2 rue des Lilas", "postal_code": "69003"}, f"passeport, {HOME}",
    )  # fmt: skip
    form = filled(no_email="on")
    assert form.wanted == {"address": "1 rue des Lilas", "postal_code": "69003", "email": ""}
    assert form.evidence == "passeport"
    assert "email" not in filled(patient(email=""), no_email="on").wanted
