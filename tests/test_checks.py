"""A production with unsafe settings of identity does not start: each fault has its number."""

import pytest

from dmp import checks

SAFE = {
    "DEBUG": False,
    "DEMO": False,
    "TLS": True,
    "ALLOWED_HOSTS": ["dmp.example.org"],
    "PORTAL_URL": "https://dmp.example.org",
    "PSC_ISSUER": "https://psc.example.org",
    "PSC_JWKS": "https://psc.example.org/jwks",
    "PSC_AUDIENCE": "dmp",
    "PSC_ALGORITHMS": ["RS256"],
    "PSC_LEVELS": ["eidas1"],
    "PSC_CLIENT_ID": "dmp-portail",
    "PSC_CLIENT_SECRET": "secret",
    "PSC_DISCOVERY": "https://psc.example.org/.well-known/wallet-openid-configuration",
    "PRINTER": "patients.printing.Cups",
}


def numbers(settings, **changes):
    for name, value in (SAFE | changes).items():
        setattr(settings, name, value)
    return [error.id for error in checks.production_is_safe(None)]


def test_a_safe_production_is_let_through(settings):
    assert numbers(settings) == []
    assert numbers(settings, PSC_CLIENT_ID="", PSC_CLIENT_SECRET="", PSC_DISCOVERY="") == []


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"PSC_ALGORITHMS": ["RS256", "HS256"]}, "dmp.E016"),
        ({"PSC_ALGORITHMS": ["none"]}, "dmp.E016"),
        ({"PSC_LEVELS": ["eidas0"]}, "dmp.E017"),
        ({"PSC_LEVELS": ["eidas1", ""]}, "dmp.E017"),
        ({"PSC_CLIENT_ID": "dmp"}, "dmp.E018"),
        ({"PSC_CLIENT_SECRET": ""}, "dmp.E019"),
        ({"PSC_DISCOVERY": "http://psc.example.org/"}, "dmp.E020"),
        ({"PORTAL_URL": "http://dmp.example.org"}, "dmp.E021"),
        ({"PRINTER": "patients.printing.ToFolder"}, "dmp.E023"),
    ],
)
def test_an_unsafe_one_is_refused_by_its_number(settings, change, number):
    assert numbers(settings, **change) == [number]


@pytest.mark.parametrize("content", [None, b"", b"pas un certificat"])
def test_authorities_that_cannot_be_read_stop_the_start(settings, tmp_path, content):
    path = tmp_path / "persons.pem"
    if content is not None:
        path.write_bytes(content)
    settings.CERTIFICATE_PERSONS, settings.CERTIFICATE_STRUCTURES = str(path), ""
    assert [error.id for error in checks.authorities_are_readable(None)] == ["dmp.E022"]


def test_without_authorities_no_certificate_is_awaited(settings):
    settings.CERTIFICATE_PERSONS = settings.CERTIFICATE_STRUCTURES = ""
    assert checks.authorities_are_readable(None) == []
