"""Cards and structures by mutual TLS: the real nginx, as its configuration is shipped, before the real gunicorn."""

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.test import RequestFactory
from rest_framework.exceptions import AuthenticationFailed

from access import certificates
from access.models import Situation
from audit.models import Trace
from audit.request import RequestMiddleware
from documents.models import Document
from tests import factories as make
from tests import messages
from tests.access import authority
from tests.access.authority import DAY, NOW, Authority
from tests.access.behind_nginx import NAME, NGINX, OWN_DOOR, Site, free, gunicorn, nginx, start_nginx

DOCTOR, STRUCTURE = "810000000005", "1750000001"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="il faut le nginx de la distribution"),
]


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="dmp-tls-"))
    root = Authority("AC RACINE", folder)
    built = Site(folder, Authority(authority.PERSONS, folder, root), Authority(authority.ORGANISATIONS, folder, root))
    (folder / "root.pem").write_bytes(authority.pem(root.certificate))
    built.tls, built.tcp = free(), free()
    try:
        with gunicorn(built):
            yield built
            if (folder / "nginx.pid").exists():
                nginx(folder, "-s", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def cast(site: Site) -> SimpleNamespace:
    """Every certificate the tests show; then nginx starts, with the list of the revoked."""
    elsewhere = Authority("AC RACINE", site.folder)
    impostor = Authority(authority.PERSONS, site.folder, elsewhere)
    signed = site.persons.issue, site.organisations.issue
    person, structure = signed
    found = SimpleNamespace(
        doctor=person(authority.card(DOCTOR)),
        structure=structure(authority.organisation(STRUCTURE)),
        disguised=structure(authority.organisation(STRUCTURE, common=DOCTOR)),
        like_a_card=structure(authority.card(DOCTOR)),
        staff=person(authority.organisation(STRUCTURE, common="3750000001/0042")),
        revoked=person(authority.card(DOCTOR), revoke=True),
        expired=person(authority.card(DOCTOR), since=NOW - 3 * DAY, until=NOW - DAY),
        not_yet=person(authority.card(DOCTOR), since=NOW + DAY, until=NOW + 3 * DAY),
        other_authority=impostor.issue(authority.card(DOCTOR)),
        for_a_server=person(authority.card(DOCTOR), purpose=ExtendedKeyUsageOID.SERVER_AUTH),
        for_signing=person(authority.card(DOCTOR), signs_in=False),
    )
    server = site.organisations.issue(
        authority.organisation(STRUCTURE), purpose=ExtendedKeyUsageOID.SERVER_AUTH, names=(NAME,)
    )
    start_nginx(site, server)
    return found


def header(certificate: Path) -> str:
    """As nginx writes it: the certificate alone, percent-encoded."""
    return quote(certificate.read_text().partition("-----BEGIN PRIVATE")[0])


def detail(answer: tuple[int, str]) -> Any:
    return json.loads(answer[1])["detail"]


# -- who comes in -------------------------------------------------------------------------------------------


def test_a_card_is_its_professional(site, cast, code_tables):
    doctor = make.ProfessionalFactory(idnat=DOCTOR)
    dossier = make.DossierFactory()
    make.matrix()
    status, body = site.ask(cast.doctor, f"/api/v1/dossiers/{dossier.pk.hex}/autorisation")
    assert (status, json.loads(body)["status"]) == (200, "NON_EXISTE")
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.actor_kind, trace.actor_id, trace.means) == ("professional", DOCTOR, "cps")
    assert (trace.profession, trace.ip) == ("10", "127.0.0.1")
    assert trace.structure_id == doctor.situations.get().structure.identifier


def test_a_card_with_two_places_of_work_names_one(site, cast):
    doctor = make.ProfessionalFactory(idnat=DOCTOR)
    Situation.objects.create(professional=doctor, structure=make.StructureFactory(), profession="10", mode="S")
    status, body = site.ask(cast.doctor)
    assert status == 403 and "DMP-Situation" in body
    place = doctor.situations.first().structure
    status, _ = site.ask(cast.doctor, OWN_DOOR, f"DMP-Situation: {place.finess}")
    assert status == 404  # come in: no such dossier


@pytest.mark.parametrize("state", ["absent", "inactive"])
def test_a_card_of_nobody_in_practice_opens_nothing(site, cast, state):
    if state == "inactive":
        make.ProfessionalFactory(idnat=DOCTOR, active=False)
    assert site.ask(cast.doctor)[0] == 401


@pytest.mark.parametrize("shown", ["structure", "disguised", "staff"])
def test_a_structure_does_no_act_of_a_person(site, cast, shown):
    """However its certificate is named: the authority says what it is."""
    make.ProfessionalFactory(idnat=DOCTOR)
    dossier = make.DossierFactory()
    for path, method in [
        (f"/api/v1/dossiers/{dossier.pk.hex}/autorisation", "GET"),
        (f"/api/v1/dossiers/{dossier.pk.hex}/autorisation", "PUT"),
        (f"/api/v1/dossiers/{dossier.pk.hex}/medecin-traitant", "POST"),
        (f"/api/v1/dossiers/{dossier.pk.hex}/depots", "GET"),
        ("/api/v1/dossiers", "POST"),
    ]:
        status, body = site.ask(
            getattr(cast, shown), path, "Content-Type: application/json", method=method, body=b'{"consent":true}'
        )
        assert (status, json.loads(body)["ground"]) == (403, "not_a_person"), (path, body)
    refusals = Trace.objects.filter(allowed=False, actor_kind="structure", structure_id=STRUCTURE)
    assert refusals.filter(ground="not_a_person").count() == 5


def test_a_structure_feeds_and_never_reads(site, cast, code_tables):
    dossier = make.DossierFactory()
    sent = json.dumps(messages.simplified(messages.subject(dossier), messages.pdf())).encode()
    kind = "Content-Type: application/fhir+json"
    status, body = site.ask(cast.structure, "/fhir/DocumentReference", kind, method="POST", body=sent)
    assert status == 201, body
    document = Document.objects.get(dossier=dossier)
    assert (document.origin, document.deposited_by) == ("professional", f"structure:{STRUCTURE}")
    query = f"/fhir/DocumentReference?patient.identifier={messages.subject(dossier)}&status=current"
    for path in (
        f"/fhir/DocumentReference/{json.loads(body)['id']}",
        f"/fhir/Binary/{json.loads(body)['id']}",
        query.replace("|", "%7C"),
    ):
        status, answer = site.ask(cast.structure, path)
        assert status in (403, 404) and "CR de consultation" not in answer, (path, status, answer)


@pytest.mark.parametrize(
    "shown", ["revoked", "expired", "not_yet", "other_authority", "for_a_server", "for_signing", "nothing"]
)
def test_nginx_refuses_what_is_not_valid(site, cast, shown):
    make.ProfessionalFactory(idnat=DOCTOR)
    status, body = site.ask(getattr(cast, shown, None))
    assert status == 403 and "Présentez un certificat" in body


def test_a_card_s_name_signed_for_an_organisation_is_nobody(site, cast):
    """It has no number of a structure, and a doctor's number is worth nothing there."""
    make.ProfessionalFactory(idnat=DOCTOR)
    assert site.ask(cast.like_a_card)[0] == 401


@pytest.mark.parametrize(
    "shown", ["expired", "not_yet", "other_authority", "for_a_server", "for_signing", "like_a_card"]
)
def test_the_application_looks_again_at_what_nginx_hands_over(site, cast, shown):
    """A wrong bundle at nginx opens nothing: authority (by its key), dates and use are the application's too."""
    make.ProfessionalFactory(idnat=DOCTOR)
    assert site.inside(f"DMP-Certificate: {header(getattr(cast, shown))}")[0] == 401


def test_a_certificate_and_a_token_at_once_are_refused(site, cast):
    make.ProfessionalFactory(idnat=DOCTOR)
    answer = site.ask(cast.doctor, OWN_DOOR, "Authorization: Bearer x.y.z")
    assert answer[0] == 401 and "pas les deux" in detail(answer)


# -- forging (security.md, I1) ----------------------------------------------------------------------------------

WAYS = [
    ["DMP-Certificate: {0}"],
    ["dmp-certificate: {0}"],
    ["DMP-CERTIFICATE: {0}"],
    ["DMP_Certificate: {0}"],
    ["DMP_CERTIFICATE: {0}", "HTTP_DMP_CERTIFICATE: {0}"],
    ["DMP-Certificate: {0}", "DMP-Certificate: {0}"],
    ["DMP-Certificate: {0}", "dmp_certificate: {0}"],
    ["DMP-Certificate : {0}"],
    ["X-Forwarded-For: 10.1.2.3", "DMP-Client-Address: 10.1.2.3", "DMP_Client_Address: 10.1.2.3"],
    ["Connection: DMP-Certificate", "DMP-Certificate: {0}"],
]


@pytest.mark.parametrize("lines", WAYS, ids=" ".join)
def test_what_a_client_writes_through_nginx_changes_nothing(site, cast, lines):
    make.ProfessionalFactory(idnat=DOCTOR)
    status, body = site.ask(cast.structure, OWN_DOOR, *[one.format(header(cast.doctor)) for one in lines])
    if status == 400:
        return  # not even understood
    assert (status, json.loads(body)["ground"]) == (403, "not_a_person")
    assert {(one.actor_id, one.ip) for one in Trace.objects.all()} == {(STRUCTURE, "127.0.0.1")}


@pytest.mark.parametrize("lines", [way for way in WAYS if "10.1.2.3" not in way[0]], ids=" ".join)
def test_the_header_opens_nothing_on_the_port(site, cast, lines):
    """With a dash it is refused; with an underscore it is as if it had not been sent."""
    make.ProfessionalFactory(idnat=DOCTOR)
    status, _ = site.straight(*[one.format(header(cast.doctor)) for one in lines])
    assert status == (400 if any("-" in one.partition(":")[0] for one in lines) else 401)
    assert not Trace.objects.exists()


@pytest.mark.parametrize("path", ["/", "/healthz", "/compte/login/", "/fhir/metadata", "/absente"])
def test_the_header_is_refused_on_every_page(site, cast, path):
    assert site.straight(f"DMP-Certificate: {header(cast.doctor)}", path=path)[0] == 400
    assert site.straight("DMP-Certificate:", path=path)[0] == 400


def test_two_certificates_in_the_socket_s_header_are_none(site, cast):
    make.ProfessionalFactory(idnat=DOCTOR)
    one, other = header(cast.doctor), header(cast.structure)
    assert site.inside(f"DMP-Certificate: {one}")[0] == 404  # come in: no such dossier
    for lines in (
        [f"DMP-Certificate: {one}", f"DMP-Certificate: {other}"],
        [f"DMP-Certificate: {one}{other}"],
        [f"DMP-Certificate: {one}%00"],
        [f"DMP-Certificate: x{one}"],
        ["DMP-Certificate: "],
        ["DMP-Certificate: -----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----%0A"],
    ):
        assert site.inside(*lines)[0] == 401, lines


def test_the_socket_is_for_our_account_and_its_group(site):
    assert (site.folder / "dmp.sock").stat().st_mode & 0o007 == 0


def test_no_page_is_served_with_a_certificate(site, cast):
    for path in ("/", "/pro/", "/compte/login/", "/healthz"):
        assert site.ask(cast.structure, path)[0] == 404


def test_an_address_is_believed_on_the_socket_alone():
    told = []
    middleware = RequestMiddleware(lambda request: told.append(request.META["REMOTE_ADDR"]) or _Answer())
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, socket.socket() as plain:
        for link, written, expected in [
            (plain, "10.1.2.3", "192.0.2.1"),
            (ours, "10.1.2.3", "10.1.2.3"),
            (ours, "2001:db8::1", "2001:db8::1"),
            (ours, "10.1.2.3, 10.4.5.6", ""),
            (ours, "", ""),
        ]:
            extra = {"REMOTE_ADDR": "192.0.2.1", "HTTP_DMP_CLIENT_ADDRESS": written, "gunicorn.socket": link}
            middleware(RequestFactory().get("/", **extra))
            assert told.pop() == expected


class _Answer(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(headers={})


def test_two_values_where_one_is_meant_are_none():
    subject = authority.name([(NameOID.COMMON_NAME, "899700000017")], [(NameOID.COMMON_NAME, "899700000025")])
    with pytest.raises(AuthenticationFailed):
        certificates._only(subject, NameOID.COMMON_NAME)
