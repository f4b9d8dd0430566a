"""The portal before a real OpenID provider; a forger stands between them, honest unless told otherwise."""

import json
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client
from joserfc import jwt
from joserfc.jwk import RSAKey

from access import demo_issuer, identity, psc
from access.models import Situation
from tests import factories as make
from tests.access.psc.forger import Forger

PORTAL = "http://127.0.0.1:8000"


@dataclass
class Provider:
    """The running provider, its key (tests forge with it), and the people it knows."""

    folder: Path
    forger: Forger
    key: RSAKey
    client_id: str = "dmp-portail"
    people: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.forger.port}/o"

    def knows(self, professional: Any, **claims: Any) -> str:
        """Enter a professional; gives the name he signs in with."""
        told = demo_issuer.claims_of(professional) | {"sub": f"f:psc:{professional.idnat}", "acr": "eidas1"} | claims
        self.people[professional.idnat] = told
        self.write()
        return professional.idnat

    def write(self) -> None:
        part = self.folder / "people.part"
        part.write_text(json.dumps(self.people))
        part.rename(self.folder / "people.json")

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.thumbprint()} | header, claims, self.key)

    def browser(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        return session

    def answer(self, address: str, name: str, browser: requests.Session | None = None) -> str:
        """Follow the portal's question as a person: sign in, and give the address of the way back."""
        session = browser or self.browser()
        page = session.get(address, timeout=10)
        fields = dict(re.findall(r'name="(csrfmiddlewaretoken|next)" value="([^"]*)"', page.text))
        fields = {key: value.replace("&amp;", "&") for key, value in fields.items()}
        found = session.post(
            page.url, data=fields | {"username": name, "password": name}, allow_redirects=False, timeout=10
        )
        while not found.headers["Location"].startswith(PORTAL):
            where = requests.compat.urljoin(page.url, found.headers["Location"])
            found = session.get(where, allow_redirects=False, timeout=10)
        return str(found.headers["Location"])


@pytest.fixture(scope="session")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("provider")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secret = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    provider = Provider(folder, Forger(behind=port), RSAKey.import_key(pem))
    provider.write()
    about = {
        "issuer": provider.issuer,
        "key": pem,
        "client_id": provider.client_id,
        "client_secret": "un-secret-de-test",
        "redirect_uris": [f"{PORTAL}/pro/retour/"],
        "signed_out_uris": [f"{PORTAL}/"],
    }
    (folder / "provider.json").write_text(json.dumps(about))
    log = (folder / "log").open("w")
    command = [sys.executable, str(Path(__file__).with_name("provider.py")), str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n", (folder / "log").read_text()
            keys = provider.browser().get(f"{provider.issuer}/.well-known/jwks.json", timeout=10)
            (folder / "jwks.json").write_text(keys.text)
            yield provider
        finally:
            provider.forger.stop()
            process.kill()


@pytest.fixture
def provider(_running: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider, honest again; the portal is its client."""
    _running.forger.honest()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    settings.PSC_ISSUER = _running.issuer
    settings.PSC_DISCOVERY = f"{_running.issuer}/.well-known/openid-configuration"
    settings.PSC_CLIENT_ID, settings.PSC_CLIENT_SECRET = _running.client_id, "un-secret-de-test"
    settings.PSC_JWKS = str(_running.folder / "jwks.json")
    settings.PORTAL_URL = PORTAL
    _forget(monkeypatch)
    yield _running
    psc.description.forget()
    identity._verified.clear()


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing known of another issuer: other tests have theirs."""
    psc.description.forget()
    identity._verified.clear()
    monkeypatch.setattr(identity, "keys", identity.Keys())


@pytest.fixture
def doctor(code_tables: None) -> Any:
    """A professional with two places of work."""
    professional = make.ProfessionalFactory()
    structure = make.StructureFactory(name="Hôpital de la rade")
    Situation.objects.create(
        professional=professional, structure=structure, profession="10", speciality="SM54", mode="S"
    )
    return professional


@pytest.fixture
def nurse(code_tables: None) -> Any:
    """A professional with one place of work."""
    return make.ProfessionalFactory(nurse=True)


@pytest.fixture
def come_in(provider: Provider) -> Callable[..., Any]:
    """Sign a professional in, from the portal's button to the portal's page: the answer of the way back."""

    def signed_in(client: Client, professional: Any, browser: requests.Session | None = None, **claims: Any) -> Any:
        name = provider.knows(professional, **claims)
        asked = client.get("/pro/connexion/")
        return client.get(way_back(provider.answer(asked.headers["Location"], name, browser)))

    return signed_in


def way_back(address: str) -> str:
    """The path and query of an address of the portal."""
    return address.removeprefix(PORTAL)


def question(address: str) -> dict[str, str]:
    """The parameters of an address, each once."""
    found = parse_qs(urlsplit(address).query)
    assert all(len(values) == 1 for values in found.values())
    return {name: values[0] for name, values in found.items()}


def logout_claims(provider: Provider, **claims: Any) -> dict[str, Any]:
    """An honest logout token's claims; None takes one away."""
    now = int(time.time())
    whole = {
        "iss": provider.issuer,
        "aud": provider.client_id,
        "iat": now,
        "exp": now + 120,
        "jti": uuid.uuid4().hex,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    } | claims
    return {name: value for name, value in whole.items() if value is not None}
