"""Clients that nobody here wrote work unchanged: fhirpy and fhirclient (SMART) deposit, search, read, err."""

import pytest
from fhirclient import client as smart
from fhirclient.models.bundle import Bundle
from fhirclient.models.documentreference import DocumentReference
from fhirclient.server import FHIRNotFoundException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

from access import demo_issuer
from tests import factories as make
from tests import messages

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


@pytest.fixture
def doctor(code_tables):
    return make.ProfessionalFactory()


@pytest.fixture
def dossier(doctor):
    dossier = make.DossierFactory()
    make.permit(dossier, doctor)
    return dossier


def token(professional):
    return demo_issuer.token(demo_issuer.claims_of(professional))


def test_fhirpy(live_server, dossier, doctor):
    client = SyncFHIRClient(f"{live_server.url}/fhir", authorization=f"Bearer {token(doctor)}")
    patient, content = messages.subject(dossier), messages.pdf()
    lot = messages.bundle(patient, (messages.reference(patient, content), content))
    answer = client.execute("/", method="POST", data=lot)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201", "201", "201"]
    published = client.resource("DocumentReference", **messages.simplified(patient, messages.pdf()))
    published.save()
    found = (
        client.resources("DocumentReference")
        .search(**{"patient.identifier": patient, "status": "current"})
        .fetch_all()
    )
    assert published.id in {one.id for one in found}
    assert len(found) == 2
    with pytest.raises(ResourceNotFound):
        client.reference("DocumentReference", "0" * 64).to_resource()
    with pytest.raises(OperationOutcome, match="patient"):
        client.resources("DocumentReference").search(status="current").fetch()


def test_fhirclient_reads_what_we_write_with_its_strict_models(live_server, dossier, doctor):
    settings = {"app_id": "logiciel-de-cabinet", "api_base": f"{live_server.url}/fhir"}
    server = smart.FHIRClient(settings=settings).server
    server.session.headers["Authorization"] = f"Bearer {token(doctor)}"
    resource = messages.simplified(messages.subject(dossier), messages.pdf(), labels=("MASQUE_PS",))
    created = DocumentReference(resource).create(server)
    read = DocumentReference.read(created["id"], server)
    assert read.status == "current"
    assert read.content[0].attachment.contentType == "application/pdf"
    query = f"DocumentReference?patient.identifier={messages.subject(dossier)}&status=current"
    bundle = Bundle(server.request_json(query))
    assert [entry.resource.id for entry in bundle.entry] == [created["id"]]
    lists = Bundle(server.request_json(f"List?patient=Patient/{dossier.pk.hex}&code=submissionset&status=current"))
    assert lists.entry[0].resource.entry[0].item.reference == f"DocumentReference/{created['id']}"
    with pytest.raises(FHIRNotFoundException):
        DocumentReference.read("f" * 64, server)
