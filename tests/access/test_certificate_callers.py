"""Who a certificate makes of its bearer, field by field; that nginx and the socket are real is test_certificates."""

from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from access.certificates import BOTH, NOT_VALID, UNKNOWN, CertificateAuthentication, issued_by, read
from access.facts import Purpose, Role
from access.models import Situation, Structure, User
from audit.trail import ActorKind
from tests import factories as make
from tests.access import authority
from tests.access.authority import DAY, NOW, Authority

DOCTOR, FINESS, SIRET = "810000000005", "1750000001", "375000000100042"
pytestmark = pytest.mark.django_db


@pytest.fixture
def persons(tmp_path, settings):
    made = Authority(authority.PERSONS, tmp_path)
    settings.CERTIFICATE_PERSONS = file_of(made)
    return made


@pytest.fixture
def organisations(tmp_path, settings):
    made = Authority(authority.ORGANISATIONS, tmp_path)
    settings.CERTIFICATE_STRUCTURES = file_of(made)
    return made


@pytest.fixture(autouse=True)
def _no_authority(settings):
    settings.CERTIFICATE_PERSONS = settings.CERTIFICATE_STRUCTURES = ""


def file_of(*authorities):
    path = authorities[0].folder / f"{id(authorities)}-authorities.pem"
    path.write_bytes(b"".join(authority.pem(one.certificate) for one in authorities))
    return str(path)


def shown(certificate: Path) -> str:
    return quote(certificate.read_text().partition("-----BEGIN PRIVATE")[0])


def come(certificate, **headers):
    request = APIRequestFactory().get("/", HTTP_DMP_CERTIFICATE=shown(certificate), headers=headers)
    return CertificateAuthentication().authenticate(Request(request))


def refused(certificate, **headers):
    with pytest.raises((AuthenticationFailed, PermissionDenied)) as error:
        come(certificate, **headers)
    return str(error.value.detail)


# -- a card -------------------------------------------------------------------------------------------------


def test_a_card_makes_a_caller_of_its_professional(persons):
    doctor = make.ProfessionalFactory(idnat=DOCTOR)
    place = doctor.situations.get().structure
    user, caller = come(persons.issue(authority.card(DOCTOR)))
    assert user == caller.user == User.objects.get(professional=doctor)
    assert caller.role == Role.PROFESSIONAL
    assert (caller.purpose, caller.regulator, caller.needs_express) == (Purpose.CARE, False, False)
    said = asdict(caller.actor)
    assert {name: said[name] for name in said if said[name]} == {
        "kind": ActorKind.PROFESSIONAL,
        "id": DOCTOR,
        "name": str(doctor),
        "profession": "10",
        "structure_id": place.identifier,
        "structure_name": "Cabinet médical des Lilas",
        "means": "cps",
    }


def test_a_card_says_for_what_it_calls(persons):
    make.ProfessionalFactory(idnat=DOCTOR)
    card = persons.issue(authority.card(DOCTOR))
    assert come(card, **{"DMP-Purpose": " Emergency "})[1].purpose == Purpose.EMERGENCY
    assert "DMP-Purpose" in refused(card, **{"DMP-Purpose": "curiosité"})


@pytest.mark.parametrize(
    ("speciality", "sector", "express"),
    [("SM54", "SA07", False), ("SM25", "SA07", True), ("SM54", "SA15", True), ("SM54", "SA66", True)],
)
def test_the_place_and_the_speciality_of_a_card_may_need_an_express_consent(persons, speciality, sector, express):
    doctor = make.ProfessionalFactory(idnat=DOCTOR, speciality=speciality)
    Structure.objects.filter(pk=doctor.situations.get().structure_id).update(sector=sector)
    assert come(persons.issue(authority.card(DOCTOR)))[1].needs_express is express


def several_places(doctor):
    """The first by FINESS; a second by SIRET, a third by its own identifier alone, and one at no place."""
    doctor.situations.all().delete()
    for finess, siret, identifier, profession in [
        ("990001111", "11111111111111", "1990001111", "10"),
        ("", "22222222222222", "322222222222222", "21"),
        ("", "", "cabinet-a-part", "40"),
    ]:
        place = Structure.objects.create(finess=finess, siret=siret, identifier=identifier, name=identifier)
        Situation.objects.create(professional=doctor, structure=place, profession=profession, mode="L")
    Situation.objects.create(professional=doctor, structure=None, profession="60", mode="L")


@pytest.mark.parametrize(
    ("named", "structure", "profession"),
    [
        ("990001111", "1990001111", "10"),
        ("1990001111", "1990001111", "10"),
        (" 22222222222222 ", "322222222222222", "21"),
        ("322222222222222", "322222222222222", "21"),
        ("cabinet-a-part", "cabinet-a-part", "40"),
    ],
)
def test_among_places_one_is_named_by_its_number(persons, named, structure, profession):
    several_places(make.ProfessionalFactory(idnat=DOCTOR))
    card = persons.issue(authority.card(DOCTOR))
    actor = come(card, **{"DMP-Situation": named})[1].actor
    assert (actor.structure_id, actor.structure_name, actor.profession) == (structure, structure, profession)


def test_a_place_that_is_not_his_is_refused(persons):
    several_places(make.ProfessionalFactory(idnat=DOCTOR))
    assert "n'est pas des vôtres" in refused(persons.issue(authority.card(DOCTOR)), **{"DMP-Situation": "990002222"})


def test_the_places_to_choose_from_are_told_in_the_order_of_the_directory(persons):
    several_places(make.ProfessionalFactory(idnat=DOCTOR))
    said = refused(persons.issue(authority.card(DOCTOR)))
    assert "990001111, 22222222222222, cabinet-a-part, (sans structure)" in said


def test_a_card_without_a_place_has_a_profession_all_the_same(persons):
    doctor = make.ProfessionalFactory(idnat=DOCTOR)
    doctor.situations.update(structure=None)
    actor = come(persons.issue(authority.card(DOCTOR)))[1].actor
    assert (actor.profession, actor.structure_id, actor.structure_name) == ("10", "", "")


def test_an_unknown_or_inactive_professional_s_card_is_refused(persons):
    card = persons.issue(authority.card(DOCTOR))
    assert refused(card) == UNKNOWN
    make.ProfessionalFactory(idnat=DOCTOR, active=False)
    assert "plus actif" in refused(card)


@pytest.mark.parametrize("idnat", ["810000000005", "0123456789", "012345678A", "012345678B"])
def test_a_national_identity_is_an_rpps_or_an_adeli(persons, idnat):
    make.ProfessionalFactory(idnat=idnat)
    assert come(persons.issue(authority.card(idnat)))[1].actor.id == idnat


@pytest.mark.parametrize("idnat", ["81000000000", "8100000000055", "012345678C", "01234567890", "910000000005", "x"])
def test_any_other_name_signed_for_persons_speaks_for_a_structure(persons, idnat):
    """And this one names none."""
    make.ProfessionalFactory(idnat=idnat)
    assert refused(persons.issue(authority.card(idnat))) == NOT_VALID


def test_two_names_on_a_card_are_none(persons):
    subject = authority.name([(NameOID.COMMON_NAME, DOCTOR)], [(NameOID.COMMON_NAME, "899700000025")])
    assert refused(persons.issue(subject)) == NOT_VALID


# -- a structure --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [FINESS, "12A0000001", "12B0000001", SIRET])
def test_a_structure_is_its_number_and_nobody_s_account(organisations, number):
    user, caller = come(organisations.issue(authority.organisation(number)))
    assert isinstance(user, AnonymousUser) and caller.user is None
    assert (caller.role, caller.purpose, caller.regulator) == (Role.STRUCTURE, Purpose.CARE, False)
    said = asdict(caller.actor)
    assert {name: said[name] for name in said if said[name]} == {
        "kind": ActorKind.STRUCTURE,
        "id": number,
        "name": "Laboratoire des Tilleuls",
        "structure_id": number,
        "structure_name": "Laboratoire des Tilleuls",
        "means": "certificate",
    }


@pytest.mark.parametrize("number", ["175000000", "17500000011", "1C50000001", "37500000010004", "2750000001", ""])
def test_a_number_of_another_shape_is_no_structure(organisations, number):
    subject = authority.organisation(number) if number else authority.card(DOCTOR)
    assert refused(organisations.issue(subject)) == NOT_VALID


def test_the_directory_s_name_of_a_structure_is_the_one_told(organisations):
    make.StructureFactory(identifier=FINESS, name="Laboratoire de la Gare")
    actor = come(organisations.issue(authority.organisation(FINESS)))[1].actor
    assert (actor.name, actor.structure_name) == ("Laboratoire de la Gare", "Laboratoire de la Gare")


def subject_of(*numbers, organisation="Laboratoire des Tilleuls", common="x"):
    return authority.name(
        [(NameOID.ORGANIZATION_NAME, organisation)],
        *[[(NameOID.ORGANIZATIONAL_UNIT_NAME, number)] for number in numbers],
        [(NameOID.COMMON_NAME, common)],
    )


def test_its_number_stands_among_other_units_but_is_one(organisations):
    service = subject_of("Service des dépôts", FINESS)
    assert come(organisations.issue(service))[1].actor.structure_id == FINESS
    assert refused(organisations.issue(subject_of(FINESS, SIRET))) == NOT_VALID


def test_an_agent_s_card_speaks_for_its_structure_under_its_own_number(persons):
    _, caller = come(persons.issue(authority.organisation(FINESS, common="3750000001/0042")))
    assert (caller.role, caller.user) == (Role.STRUCTURE, None)
    actor = caller.actor
    assert (actor.kind, actor.id, actor.structure_id, actor.means) == (
        ActorKind.STRUCTURE,
        "3750000001/0042",
        FINESS,
        "cpe",
    )


def test_an_agent_s_number_is_cut_at_what_the_trail_holds(persons):
    for length in (60, 61):
        actor = come(persons.issue(authority.organisation(FINESS, common="3" * length)))[1].actor
        assert actor.id == "3" * 60


# -- what is read before ------------------------------------------------------------------------------------


def test_without_a_certificate_somebody_else_says_who_calls():
    request = Request(APIRequestFactory().get("/"))
    assert CertificateAuthentication().authenticate(request) is None
    assert CertificateAuthentication().authenticate_header(request) == 'Bearer realm="dmp"'


def test_a_token_beside_a_certificate_is_refused(persons):
    make.ProfessionalFactory(idnat=DOCTOR)
    assert refused(persons.issue(authority.card(DOCTOR)), Authorization="Bearer x.y.z") == BOTH


def test_an_authority_that_is_not_named_signs_for_nobody(tmp_path, persons, organisations):
    other = Authority(authority.PERSONS, tmp_path)
    make.ProfessionalFactory(idnat=DOCTOR)
    assert refused(other.issue(authority.card(DOCTOR))) == NOT_VALID
    assert refused(other.issue(authority.organisation(FINESS))) == NOT_VALID


def test_each_authority_of_the_file_is_believed(tmp_path, settings):
    first, second = (Authority(name, tmp_path) for name in ("AC UNE", "AC AUTRE"))
    settings.CERTIFICATE_STRUCTURES = file_of(first, second)
    for one in (first, second):
        assert come(one.issue(authority.organisation(FINESS)))[1].actor.id == FINESS


def test_an_authority_s_name_with_another_sort_of_key_signs_nothing(tmp_path, persons):
    card = read(shown(persons.issue(authority.card(DOCTOR))))
    stranger = Authority(authority.PERSONS, tmp_path)
    usage = authority._usage(key_cert_sign=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    built = authority._builder(stranger.name, stranger.name, key, NOW - DAY, NOW + DAY)
    path = tmp_path / "rsa.pem"
    path.write_bytes(authority.pem(built.add_extension(usage, critical=True).sign(key, hashes.SHA256())))
    assert issued_by(card, str(path)) is False
    assert issued_by(card, "") is False


@pytest.mark.parametrize(
    "kind",
    [
        {"since": NOW - 3 * DAY, "until": NOW - DAY},
        {"since": NOW + DAY, "until": NOW + 3 * DAY},
        {"purpose": ExtendedKeyUsageOID.SERVER_AUTH},
        {"signs_in": False},
    ],
    ids=["ended", "not begun", "for a server", "for signing documents"],
)
def test_a_certificate_made_for_something_else_is_refused(persons, kind):
    make.ProfessionalFactory(idnat=DOCTOR)
    assert refused(persons.issue(authority.card(DOCTOR), **kind)) == NOT_VALID


def test_a_certificate_holds_from_its_first_second_to_its_last(persons, time_machine):
    card = shown(persons.issue(authority.card(DOCTOR)))
    certificate = read(card)
    for instant in (certificate.not_valid_before_utc, certificate.not_valid_after_utc):
        time_machine.move_to(instant, tick=False)
        assert read(card) == certificate


def test_a_certificate_that_says_no_use_is_refused(persons):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    usage = authority._usage(digital_signature=True)
    for added in ([], [usage]):
        built = authority._builder(authority.card(DOCTOR), persons.name, key, NOW - DAY, NOW + DAY)
        for one in added:
            built = built.add_extension(one, critical=True)
        header = quote(authority.pem(built.sign(persons.key, hashes.SHA256())).decode())
        with pytest.raises(AuthenticationFailed, match="n'ouvre pas"):
            read(header)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + text,
        lambda text: "x" + text,
        lambda text: text + "%00",
        lambda text: quote("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        lambda text: text.replace("CERTIFICATE", "PUBLIC%20KEY"),
    ],
)
def test_anything_but_one_certificate_is_refused(persons, change):
    text = shown(persons.issue(authority.card(DOCTOR)))
    with pytest.raises(AuthenticationFailed, match="n'ouvre pas"):
        read(change(text))
