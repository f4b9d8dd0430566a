"""POST /api/v1/dossiers: no consent, no dossier; the register says who, a rule says whether."""

import datetime as dt

import pytest

from audit.models import Trace
from patients.models import Channel, Consent, Dossier, Notice, OpeningRule, Patient
from tests import factories as make

pytestmark = pytest.mark.django_db

URL = "/api/v1/dossiers"


@pytest.fixture
def doctor(api):
    return api(make.ProfessionalFactory())


@pytest.fixture
def person():
    return make.InsuredFactory(thirteen="2840375990001")


def asked(**other):
    return {
        "matricule": make.nir("2840375990001"),
        "oid": "1.2.250.1.213.1.4.10",
        "birth_family": "LEFEVRE",
        "given_names": "Marie",
        "birth_date": "1984-03-12",
        "sex": "F",
        "consent": True,
        "evidence": "formulaire signé n° 12",
    } | other


def test_a_professional_opens_with_the_consent_of_the_person(doctor, person):
    answer = doctor.post(URL, asked(), format="json")
    assert answer.status_code == 201, answer.data
    dossier = Dossier.objects.get()
    assert (answer.data["id"], answer.data["patient"]) == (dossier.pk.hex, f"Patient/{dossier.pk.hex}")
    assert answer.headers["Location"] == f"/fhir/Patient/{dossier.pk.hex}"
    assert (dossier.opened_channel, dossier.state) == ("professional", "open")
    assert Consent.objects.get(pk=dossier.opening_consent_id).evidence == "formulaire signé n° 12"
    assert Patient.objects.get().birth_family == "LEFÈVRE"
    assert Trace.objects.about(dossier.pk).get().event == "dossier_opened"
    assert Notice.objects.get().kind == "dossier_opened"


def test_a_pharmacist_opens_as_a_pharmacy(api, person):
    answer = api(make.ProfessionalFactory(pharmacist=True)).post(URL, asked(), format="json")
    assert answer.status_code == 201
    assert Dossier.objects.get().opened_channel == "pharmacy"


def test_a_rule_that_keeps_it_shut_is_explained(doctor, person):
    note = "Le pilote n'est pas fini ici."
    rule = {"regime": person.regime, "channel": "professional", "allowed": False, "since": dt.date(2016, 1, 1)}
    OpeningRule.objects.create(**rule, note=note)
    answer = doctor.post(URL, asked(), format="json")
    assert (answer.status_code, answer.data) == (403, {"detail": note, "ground": "opening_rule"})
    OpeningRule.objects.update(note="")
    said = "L'ouverture par un professionnel n'est pas ouverte à cette personne."
    assert doctor.post(URL, asked(), format="json").data["detail"] == said


def test_who_has_a_dossier_already_is_told_which(doctor, person):
    first = doctor.post(URL, asked(), format="json")
    again = doctor.post(URL, asked(), format="json")
    detail = "Cette personne a déjà un dossier médical partagé."
    assert (again.status_code, again.data) == (409, {"detail": detail, **first.data})
    assert set(first.data) == {"id", "state", "patient", "opened_at"}


@pytest.mark.parametrize("said", [{"consent": False}, {"consent": None}, {"evidence": ""}], ids=str)
def test_without_consent_or_its_evidence_nothing_opens(doctor, person, said):
    answer = doctor.post(URL, asked(**said), format="json")
    assert answer.status_code == 422
    assert set(answer.data["fields"]) == set(said)
    assert not Dossier.objects.exists()


def test_a_missing_consent_is_no_consent(doctor, person):
    body = asked()
    del body["consent"]
    assert doctor.post(URL, body, format="json").status_code == 422


@pytest.mark.parametrize(
    "trait",
    [
        {"birth_family": "LEFORT"},
        {"given_names": "Anne"},
        {"birth_date": "1984-03-13"},
        {"sex": "M"},
        {"matricule": make.nir("2840375990002")},
        {"oid": "1.2.250.1.213.1.4.11"},
    ],
    ids=str,
)
def test_other_traits_are_nobody(doctor, person, trait):
    """The same answer whatever differs: no oracle on the register."""
    answer = doctor.post(URL, asked(**trait), format="json")
    assert answer.status_code == 404
    assert answer.data == doctor.post(URL, asked(matricule=make.nir("2990375990002")), format="json").data
    assert not Dossier.objects.exists()
    assert set(Trace.objects.values_list("allowed", "ground")) == {(False, "absent")}


def test_a_real_number_needs_its_key(doctor):
    answer = doctor.post(URL, asked(matricule="279035121518988", oid="1.2.250.1.213.1.4.8"), format="json")
    assert answer.status_code == 422
    assert "279035121518988" not in answer.content.decode()


def test_one_dossier_an_identity(doctor, person):
    first = doctor.post(URL, asked(), format="json")
    again = doctor.post(URL, asked(), format="json")
    assert (again.status_code, again.data["id"], again.data["state"]) == (409, first.data["id"], "open")
    assert Dossier.objects.count() == 1
    refused = Trace.objects.about(Dossier.objects.get().pk).get(allowed=False)
    assert (refused.event, refused.ground) == ("dossier_opened", "already_there")


def test_sent_again_under_its_key_it_is_the_same_opening(doctor, person):
    key = {"HTTP_IDEMPOTENCY_KEY": "ouverture-1"}
    first = doctor.post(URL, asked(), format="json", **key)
    again = doctor.post(URL, asked(), format="json", **key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.data == again.data
    other = doctor.post(URL, asked(evidence="autre"), format="json", **key)
    assert other.status_code == 409


def test_a_rule_may_keep_the_channel_shut(doctor, person):
    OpeningRule.objects.create(
        regime=person.regime,
        channel=Channel.PROFESSIONAL,
        allowed=False,
        since=dt.date(2020, 1, 1),
        note="Ce régime n'ouvre qu'au guichet.",
    )
    answer = doctor.post(URL, asked(), format="json")
    assert (answer.status_code, answer.data["detail"]) == (403, "Ce régime n'ouvre qu'au guichet.")
    assert not Dossier.objects.exists()


def test_nobody_opens_without_signing_in(client, person):
    assert client.post(URL, asked(), content_type="application/json").status_code == 401


def test_the_number_is_nowhere_in_the_traces(doctor, person):
    doctor.post(URL, asked(), format="json")
    for trace in Trace.objects.all():
        assert asked()["matricule"] not in str(trace.__dict__)
