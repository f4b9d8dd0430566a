"""A test authority in the shape of the IGC-Santé: a root, two authorities that issue, their lists of revoked."""

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
PERSONS = "AC IGC-SANTE FORT PERSONNES"
ORGANISATIONS = "AC IGC-SANTE ELEMENTAIRE ORGANISATIONS"
Part = list[tuple[x509.ObjectIdentifier, str]]


def name(*parts: Part) -> x509.Name:
    """A distinguished name; each part may have several attributes (CN+SN+GN)."""
    return x509.Name([x509.RelativeDistinguishedName([x509.NameAttribute(*one) for one in part]) for part in parts])


def card(idnat: str) -> x509.Name:
    return name(
        [(NameOID.COUNTRY_NAME, "FR")],
        [(NameOID.TITLE, "Médecin")],
        [(NameOID.COMMON_NAME, idnat), (NameOID.SURNAME, "MOREL"), (NameOID.GIVEN_NAME, "PAUL")],
    )


def organisation(number: str, common: str = "depot.laboratoire.example.org") -> x509.Name:
    return name(
        [(NameOID.COUNTRY_NAME, "FR")],
        [(NameOID.STATE_OR_PROVINCE_NAME, "Paris (75)")],
        [(NameOID.ORGANIZATION_NAME, "Laboratoire des Tilleuls")],
        [(NameOID.ORGANIZATIONAL_UNIT_NAME, number)],
        [(NameOID.COMMON_NAME, common)],
    )


@dataclass
class Authority:
    """One that signs; itself signed by `parent`, or by nobody."""

    common: str
    folder: Path
    parent: "Authority | None" = None
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    revoked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = name([(NameOID.COUNTRY_NAME, "FR")], [(NameOID.COMMON_NAME, self.common)])
        signer = self.parent or self
        usage = _usage(key_cert_sign=True, crl_sign=True)
        built = _builder(self.name, signer.name, self.key, NOW - DAY, NOW + 3650 * DAY)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = built.add_extension(usage, critical=True).sign(signer.key, hashes.SHA256())

    def issue(
        self,
        subject: x509.Name,
        *,
        until: dt.datetime = NOW + DAY,
        since: dt.datetime = NOW - DAY,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
        signs_in: bool = True,
        names: tuple[str, ...] = (),
        revoke: bool = False,
    ) -> Path:
        """A file that holds the certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        built = _builder(subject, self.name, key, since, until)
        built = built.add_extension(
            _usage(digital_signature=signs_in, content_commitment=not signs_in), critical=True
        )
        built = built.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        if names:
            built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), False)
        certificate = built.sign(self.key, hashes.SHA256())
        if revoke:
            self.revoked.append(certificate.serial_number)
        path = self.folder / f"{certificate.serial_number:x}.pem"
        path.write_bytes(pem(certificate) + _private(key))
        return path

    def list_of_revoked(self) -> bytes:
        built = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        built = built.last_update(NOW - DAY).next_update(NOW + DAY)
        for number in self.revoked:
            one = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW - DAY)
            built = built.add_revoked_certificate(one.build())
        return built.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: dt.datetime, until: dt.datetime
) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return built.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)


USES = ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"]
USES += ["key_cert_sign", "crl_sign", "encipher_only", "decipher_only"]


def _usage(**used: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**(dict.fromkeys(USES, False) | used))
