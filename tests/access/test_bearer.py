"""The token of a professional's software: what it must say, and the keys that check it."""

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from access import api as api_errors
from access import demo_issuer, identity
from tests import factories as make
from tests.access import authority as authority_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def doctor(code_tables):
    return make.ProfessionalFactory()


def state(client, **headers):
    dossier = make.DossierFactory()
    return client.get(f"/api/v1/dossiers/{dossier.pk.hex}/autorisation", headers=headers)


def test_a_token_without_a_situation_chooses_none(api, doctor):
    answer = state(api(doctor, SubjectRefPro={"exercices": []}))
    assert (answer.status_code, answer.data["detail"]) == (403, "Aucune situation d'exercice n'est connue.")


def test_a_token_of_another_shape_is_refused(api, doctor):
    answer = state(api(doctor, SubjectRefPro="médecin"))
    assert (answer.status_code, answer.data["detail"]) == (401, "Le jeton a une forme inattendue.")


@pytest.mark.parametrize("kind", [{"events": {}}, {"typ": "ID"}, {"typ": "Logout"}, {"typ": "Refresh"}], ids=str)
def test_another_token_of_the_same_issuer_is_no_access_token(api, doctor, kind):
    assert state(api(doctor, **kind)).status_code == 401


def test_a_situation_that_is_not_his_is_said(api, doctor):
    answer = state(api(doctor), **{"DMP-Situation": "1690000000"})
    assert (answer.status_code, "n'est pas des vôtres" in answer.data["detail"]) == (403, True)


def test_a_token_is_verified_once_until_it_ends(api, doctor, monkeypatch):
    client = api(doctor)
    assert state(client).status_code == 200
    monkeypatch.setattr(identity.keys, "get", None)  # whoever verifies again breaks
    assert state(client).status_code == 200


def test_names_and_codes_are_read_whole_and_cut_at_what_a_column_holds(doctor):
    said = demo_issuer.claims_of(doctor)
    said |= {"acr": "eidas1", "exp": 4_000_000_000, "given_name": "A" * 101, "family_name": "B" * 101}
    said["SubjectRefPro"]["exercices"][0] |= {"codeSavoirFaire": "S" * 11, "codeProfession": "1" * 11}
    claims = identity.read_claims(said)
    assert (claims.given, claims.family) == ("A" * 100, "B" * 100)
    assert (claims.situations[0].speciality, claims.situations[0].profession) == ("S" * 10, "1" * 10)
    assert claims.situations[0].structure_name == "Cabinet médical des Lilas"


@pytest.mark.parametrize(("length", "said"), [(8, False), (9, True), (20, True), (21, False)])
def test_a_national_identity_has_nine_to_twenty_signs(api, doctor, length, said):
    answer = state(api(doctor, SubjectNameID="8" * length))
    assert ("identité nationale" not in answer.content.decode()) is said


def test_a_purpose_that_is_none_of_ours_is_said_with_the_choices(api, doctor):
    answer = state(api(doctor), **{"DMP-Purpose": "curiosité"})
    assert (answer.status_code, "care" in answer.data["detail"]) == (403, True)


def test_what_was_verified_does_not_pile_up(api, doctor, monkeypatch):
    monkeypatch.setattr(identity, "_verified", dict.fromkeys(range(1001)))
    assert state(api(doctor)).status_code == 200
    assert len(identity._verified) == 1


def test_a_message_that_is_no_json_is_said(api, doctor):
    answer = api(doctor).post("/api/v1/dossiers", "x", content_type="text/plain")
    assert (answer.status_code, "s'envoie en JSON" in answer.json()["detail"]) == (415, True)


def test_a_database_that_breaks_is_said_in_words(api, doctor):
    client = api(doctor)
    assert state(client).status_code == 200

    def broken(execute, sql, *rest):
        if "audit_trace" in sql:
            return execute(sql, *rest)
        raise OperationalError("secret of the database")

    with connection.execute_wrapper(broken):
        answer = client.get("/api/v1/alertes")
    assert answer.status_code == 503
    assert "secret" not in answer.content.decode()


def test_the_issuer_s_keys_are_read_over_https(tmp_path, settings, monkeypatch):
    authority = authority_of.Authority("Une autorité de test", tmp_path)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority_of.pem(authority.certificate))
    shown = authority.issue(
        authority_of.organisation("1990000000"), names=("localhost",), purpose=ExtendedKeyUsageOID.SERVER_AUTH
    )
    keys = json.dumps({"keys": [demo_issuer.key().as_dict(private=False)]}).encode()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(keys)

        def log_message(self, *words): ...

    server = ThreadingHTTPServer(("localhost", 0), Door)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    monkeypatch.setenv("NO_PROXY", "localhost")
    settings.PSC_JWKS = f"https://localhost:{server.server_port}/jwks.json"
    try:
        found = identity.Keys().get()
    finally:
        server.shutdown()
        server.server_close()
    assert [one.kid for one in found.keys] == [demo_issuer.key().kid]


# -- the issuer of the demonstration --------------------------------------------------------------------------
def test_its_key_is_made_once_and_kept(settings):
    kid = demo_issuer.key().kid
    demo_issuer.key.cache_clear()
    assert demo_issuer.key().kid == kid


def test_it_is_shut_outside_the_demonstration(settings, doctor):
    settings.DEMO = False
    demo_issuer.key.cache_clear()
    with pytest.raises(RuntimeError):
        demo_issuer.key()
    with pytest.raises(CommandError, match="démonstration"):
        call_command("demo_token", doctor.rpps)


def test_its_command_gives_a_token_that_lets_in(client, doctor, capsys):
    call_command("demo_token", doctor.rpps)
    token = capsys.readouterr().out.strip()
    assert state(client, Authorization=f"Bearer {token}").status_code == 200


def test_its_command_knows_the_directory_alone():
    with pytest.raises(CommandError, match="annuaire"):
        call_command("demo_token", "10000000009")


# -- the words of an error -----------------------------------------------------------------------------------
def test_each_field_is_named_however_deep():
    found = {"person": {"oid": ["inconnu"], "birth": {"date": ["absente"]}}, "consent": ["non"]}
    assert dict(api_errors._named(found)) == {
        "person.oid": ["inconnu"],
        "person.birth.date": ["absente"],
        "consent": ["non"],
    }
