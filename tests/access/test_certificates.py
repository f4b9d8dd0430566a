"""Cards and structures by mutual TLS: the real nginx, as its configuration is shipped, before the real gunicorn."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.db import connections
from django.test import RequestFactory
from psycopg.conninfo import make_conninfo

from access.models import Situation
from audit.models import Trace
from audit.request import RequestMiddleware
from documents.models import Document
from tests import factories as make
from tests import messages
from tests.access import authority
from tests.access.authority import DAY, NOW, Authority

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
NAME = "certificats.dmp.example.org"
DOCTOR, STRUCTURE = "810000000005", "1750000001"
OWN_DOOR = "/api/v1/dossiers/01a208543d9e7a5c8459435ecdc7c74a/autorisation"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="il faut le nginx de la distribution"),
]


@dataclass
class Site:
    """nginx on a port, gunicorn on a UNIX socket and a port, and the authorities that nginx knows or not."""

    folder: Path
    persons: Authority
    organisations: Authority
    tls: int = 0
    tcp: int = 0

    def ask(
        self, certificate: Path | None, path: str = OWN_DOOR, *lines: str, method: str = "GET", body: bytes = b""
    ) -> tuple[int, str]:
        """By nginx; `lines` are sent as they are."""
        trust = ssl.create_default_context(cafile=self.folder / "root.pem")
        if certificate:
            trust.load_cert_chain(certificate)
        with (
            socket.create_connection(("127.0.0.1", self.tls), timeout=20) as plain,
            trust.wrap_socket(plain, server_hostname=NAME) as link,
        ):
            return _talk(link, path, lines, method, body)

    def straight(self, *lines: str, path: str = OWN_DOOR) -> tuple[int, str]:
        """To gunicorn's port, past nginx."""
        with socket.create_connection(("127.0.0.1", self.tcp), timeout=20) as link:
            return _talk(link, path, lines, "GET", b"")

    def inside(self, *lines: str, path: str = OWN_DOOR) -> tuple[int, str]:
        """To gunicorn's UNIX socket, as nginx alone may."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(str(self.folder / "dmp.sock"))
            return _talk(link, path, lines, "GET", b"")


def _talk(link: socket.socket, path: str, lines: tuple[str, ...], method: str, body: bytes) -> tuple[int, str]:
    head = [f"{method} {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", f"Content-Length: {len(body)}", *lines]
    link.sendall("\r\n".join([*head, "", ""]).encode() + body)
    answer = http.client.HTTPResponse(link)
    answer.begin()
    return answer.status, answer.read().decode()


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="dmp-tls-"))
    root = Authority("AC RACINE", folder)
    built = Site(folder, Authority(authority.PERSONS, folder, root), Authority(authority.ORGANISATIONS, folder, root))
    (folder / "root.pem").write_bytes(authority.pem(root.certificate))
    built.tls, built.tcp = _free(), _free()
    try:
        with _gunicorn(built):
            yield built
            if (folder / "nginx.pid").exists():
                _nginx(folder, "-s", "stop")
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
    _start_nginx(site, server)
    return found


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _gunicorn(site: Site) -> Any:
    """The portal on the tests' own database, listening on both."""
    (site.folder / "persons.pem").write_bytes(authority.pem(site.persons.certificate))
    (site.folder / "organisations.pem").write_bytes(authority.pem(site.organisations.certificate))
    own = {
        "DMP_ROLE": "portal",
        "DMP_DATABASE_URL": _address("default"),
        "DMP_KEYS_DATABASE_URL": _address("keys"),
        "DMP_BIND": f"127.0.0.1:{site.tcp}",
        "DMP_CERTIFICATE_SOCKET": str(site.folder / "dmp.sock"),
        "DMP_CERTIFICATE_PERSONS": str(site.folder / "persons.pem"),
        "DMP_CERTIFICATE_STRUCTURES": str(site.folder / "organisations.pem"),
        "DMP_ALLOWED_HOSTS": NAME,
        "DMP_MEDIA_ROOT": str(site.folder / "media"),
        "DMP_WEB_PROCESSES": "1",
        "DMP_LOG_LEVEL": "INFO",
    }
    return _Running([sys.executable, "-m", "gunicorn", "--config", "dmp/gunicorn.py", "dmp.wsgi:application"], own)


class _Running:
    """A gunicorn that has started its worker; ended on leaving."""

    def __init__(self, command: list[str], own: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def __enter__(self) -> None:
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "Booting worker" in line:
                return
        pytest.fail("".join(said))

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)


def _address(alias: str) -> str:
    """The test database, as libpq wants it in an address."""
    kept = connections[alias].settings_dict
    wanted = {"dbname": kept["NAME"], "user": kept["USER"], "password": kept["PASSWORD"], "host": kept["HOST"]}
    return make_conninfo(**{key: value for key, value in wanted.items() if value})


def _start_nginx(site: Site, server: Path) -> None:
    """The shipped file, its paths and port alone changed."""
    lists = b"".join(one.list_of_revoked() for one in (site.persons, site.organisations, site.persons.parent) if one)
    (site.folder / "revoked.pem").write_bytes(lists)
    both = [authority.pem(one.certificate) for one in (site.persons, site.organisations)]
    (site.folder / "authorities.pem").write_bytes((site.folder / "root.pem").read_bytes() + b"".join(both))
    shown = server.read_bytes() + both[1]
    (site.folder / "server.pem").write_bytes(shown)
    text = (ROOT / "deploy/nginx.conf").read_text()
    for shipped, ours in {
        "/run/dmp/certificates.sock": f"{site.folder}/dmp.sock",
        "listen 443 ssl;": f"listen 127.0.0.1:{site.tls} ssl;",
        "/etc/dmp/tls/server.pem": f"{site.folder}/server.pem",
        "/etc/dmp/tls/server.key": str(server),
        "/etc/dmp/tls/authorities.pem": f"{site.folder}/authorities.pem",
        "/etc/dmp/tls/revoked.pem": f"{site.folder}/revoked.pem",
        "/var/log/nginx/dmp-certificates.log": f"{site.folder}/error.log",
    }.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    (site.folder / "site.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {site.folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (site.folder / "nginx.conf").write_text(
        f"{user}pid {site.folder}/nginx.pid;\nerror_log {site.folder}/main.log;\nevents {{}}\n"
        f"http {{\n{places}include {site.folder}/site.conf;\n}}\n"
    )
    _nginx(site.folder)  # goes to the background once it listens


def _nginx(folder: Path, *more: str) -> None:
    command = [str(NGINX), "-e", str(folder / "main.log"), "-p", str(folder), "-c", str(folder / "nginx.conf"), *more]
    # Its standard streams would stay open in the background.
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
    assert done.returncode == 0, (folder / "main.log").read_text()


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
