"""« Pourquoi ? » of a line of the trail: the rule, since when, who set it, how to stop it; as it was then (M3)."""

import datetime as dt
import re

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access import gate, grants, rights, seen_by
from access.facts import Act, Ground, Purpose
from access.models import EmergencyAccess, MatrixRow
from audit.models import Trace
from audit.trail import Event
from documents import activity, explain, opening
from documents.models import Document
from patients.models import Patient
from tests import factories as make

pytestmark = pytest.mark.django_db
FIRST = dt.datetime(2027, 3, 3, 10, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
BY_HOLDER = "Enregistré par le titulaire, sur ce site."


@pytest.fixture
def clock(dossier, doctor):
    """The third of March 2027; it moves when told."""
    make.matrix()
    with time_machine.travel(FIRST, tick=False) as traveller:
        yield traveller


@pytest.fixture
def document(clock, dossier):
    return make.DocumentFactory(dossier=dossier)


def decided(dossier, action, *arguments, **options):
    with gate.enter(make.holder(dossier), Act.AUTHORISE, Event.ACCESS_GRANTED, dossier_id=dossier.pk) as entry:
        action(entry, *arguments, **options)


def opens(doctor, dossier, document):
    with gate.enter(make.caller(doctor), Act.OPEN, Event.DOCUMENT_READ, dossier_id=dossier.pk) as entry:
        entry.trace(object_kind="document", object_id=document.pk)


def is_refused(doctor, dossier):
    with (
        pytest.raises(gate.Refused),
        gate.enter(make.caller(doctor), Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk),
    ):
        pass


def line(dossier):
    """The newest line of a professional, as its holder reads it."""
    with gate.enter(make.holder(dossier), Act.TRAIL, Event.TRAIL_READ, dossier_id=dossier.pk) as entry:
        lines = activity.page(entry, group="professionnels").lines
        entry.trace(detail={"page": "activite"})
    return lines[0]


def test_an_authorisation_says_since_when_until_when_and_by_whom(clock, dossier, doctor, document):
    decided(dossier, grants.authorise, doctor, FIRST + 30 * DAY, source="test")
    clock.shift(DAY)
    opens(doctor, dossier, document)
    told = line(dossier)
    assert told.since == f"Depuis le 3 mars 2027, jusqu'au 2 avril 2027 inclus. {BY_HOLDER}"
    assert "Retirer l'autorisation" in told.why.stop


def test_withdrawn_since_it_says_what_it_was_and_that_it_is_over(clock, dossier, doctor, document):
    decided(dossier, grants.authorise, doctor, FIRST + 30 * DAY, source="test")
    clock.shift(DAY)
    opens(doctor, dossier, document)
    clock.shift(DAY)
    decided(dossier, grants.withdraw, doctor)
    told = line(dossier)
    assert told.since == f"Du 3 mars 2027 au 5 mars 2027. {BY_HOLDER}"
    assert told.why.stop == "Ce droit a pris fin depuis : vous n'avez rien à faire."


def test_given_again_the_old_line_keeps_its_own_right(clock, dossier, doctor, document):
    decided(dossier, grants.authorise, doctor, FIRST + 30 * DAY, source="test")
    clock.shift(DAY)
    opens(doctor, dossier, document)
    clock.shift(DAY)
    decided(dossier, grants.withdraw, doctor)
    clock.shift(60 * DAY)
    decided(dossier, grants.authorise, doctor, timezone.now() + 30 * DAY, source="test")
    told = line(dossier)
    assert "3 mars 2027" in told.since
    assert "Retirer l'autorisation" in told.why.stop  # what runs now is stopped there


def test_what_it_is_limited_to_is_said(clock, dossier, doctor, document):
    make.permit(dossier, doctor, extent="limited", families=["comptes-rendus"])
    opens(doctor, dossier, document)
    assert "Limité : Comptes rendus" in line(dossier).since


def test_the_treating_doctor_a_block_and_an_end_each_say_their_date(clock, dossier, doctor, document):
    make.treat(dossier, doctor)
    clock.shift(DAY)
    opens(doctor, dossier, document)
    assert "3 mars 2027" in line(dossier).since
    decided(dossier, grants.block, doctor)
    clock.shift(DAY)
    is_refused(doctor, dossier)
    told = line(dossier)
    assert (told.allowed, told.since) == (False, f"Depuis le 4 mars 2027. {BY_HOLDER}")
    assert "Débloquer" in told.why.stop
    clock.shift(DAY)
    decided(dossier, grants.unblock, doctor)
    assert line(dossier).why.stop == "Ce droit a pris fin depuis : vous n'avez rien à faire."


def test_a_refusal_says_what_would_open(clock, dossier, doctor, document):
    is_refused(doctor, dossier)
    assert "Autorisations" in line(dossier).why.stop
    decided(dossier, grants.authorise, doctor, FIRST + DAY, source="test")
    assert line(dossier).why.stop == "Depuis, vous l'avez autorisé."
    clock.shift(3 * DAY)
    is_refused(doctor, dossier)
    told = line(dossier)
    assert told.since == "Elle avait pris fin le 4 mars 2027."
    assert "renouveler" in told.why.stop


@pytest.mark.parametrize(("kind", "ground"), [("break_glass", "break_glass"), ("number", "emergency_number")])
def test_an_emergency_says_its_hours(clock, dossier, doctor, document, kind, ground):
    said = {"reason": "coma", "since": FIRST, "until": FIRST + dt.timedelta(hours=4)}
    EmergencyAccess.objects.create(dossier=dossier, user=make.account(doctor), kind=kind, **said)
    Document.objects.update(type_code="60591-5")
    MatrixRow.objects.update(readable=["60591-5"])
    opens(doctor, dossier, document)
    told = line(dossier)
    assert Trace.objects.about(dossier.pk).get(event="document_read").ground == ground
    assert told.since == "Cet accès court du 3 mars 2027 à 11:00 au 3 mars 2027 à 15:00."
    clock.shift(DAY)
    assert "a couru" in line(dossier).since


def test_one_document_opened_says_since_when(clock, dossier, doctor, document):
    Document.objects.update(masked=True)
    decided(dossier, opening.open_to, document, doctor, FIRST + 30 * DAY)
    opens(doctor, dossier, document)
    assert BY_HOLDER in line(dossier).since
    assert "Refermer" in line(dossier).why.stop


def test_what_nobody_decided_names_the_law(clock, dossier, doctor, document):
    Document.objects.update(author_ids=[doctor.idnat])
    opens(doctor, dossier, document)
    assert "article R1111-49" in line(dossier).since


def test_each_ground_has_its_rule_and_each_right_its_date(clock, holder_client, dossier, doctor, document):
    make.treat(dossier, doctor)
    opens(doctor, dossier, document)
    page = holder_client(dossier).get(reverse("activity"), {"lectures": ""}).content.decode()
    answers = re.findall(r'<details class="why">.*?</details>', page, re.S)
    assert len(answers) == page.count('<li class="card')
    assert all("Depuis le" in answer for answer in answers)


def refused_for(dossier, doctor, document, purpose=Purpose.CARE):
    """Why he does not see this document, and what would open it."""
    (caller,) = seen_by.callers(doctor, purpose)
    known = rights.asked(dossier.pk, [doctor.idnat])
    answer = explain.explain(gate.look(caller, dossier_id=dossier.pk)[1], document, known)
    assert not answer.sees
    return answer


def test_what_keeps_one_document_is_told_apart(clock, dossier, doctor):
    make.permit(dossier, doctor, extent="limited", families=["ordonnances"])
    report, closed = (make.DocumentFactory(dossier=dossier, type_code=code) for code in ("11488-4", "nothing"))
    masked = make.DocumentFactory(dossier=dossier, type_code="57833-6", masked=True, masked_until=FIRST + 2 * DAY)
    assert refused_for(dossier, doctor, report).ground == explain.LIMIT
    assert refused_for(dossier, doctor, closed).ground == explain.MATRIX
    told = refused_for(dossier, doctor, masked)
    assert (told.ground, told.since) == (explain.MASKED, "Jusqu'au 5 mars 2027 inclus.")
    assert "Ne plus masquer" in told.why.stop


def test_emergencies_only_says_so_until_it_is_one(clock, dossier, doctor, document):
    make.permit(dossier, doctor, extent="emergency")
    told = refused_for(dossier, doctor, document)
    assert told.ground == Ground.EMERGENCY_ONLY
    assert "Depuis le 3 mars 2027" in told.since
    (caller,) = seen_by.callers(doctor, Purpose.EMERGENCY)
    assert explain.explain(gate.look(caller, dossier_id=dossier.pk)[1], document).sees


def test_a_document_names_who_sees_it_and_who_does_not(clock, holder_client, dossier, document):
    people = {name: make.ProfessionalFactory(family=name) for name in ("TRAITANT", "AUTORISE", "BLOQUE", "AUTEUR")}
    make.ProfessionalFactory(family="INCONNU")
    make.treat(dossier, people["TRAITANT"])
    make.permit(dossier, people["AUTORISE"])
    make.forbid(dossier, people["BLOQUE"])
    Document.objects.update(masked=True, author_ids=[people["AUTEUR"].idnat])
    page = holder_client(dossier).get(reverse("documents:readers", args=[document.pk])).content.decode()
    told = dict(re.findall(r"Paul (\w+)</a>\s+<strong>(.*?)</strong>", page))
    no = "ne le voit pas"
    assert told == {"Traitant": "le voit", "Auteur": "le voit", "Autorise": no, "Bloque": no}
    assert page.count("Pourquoi") >= 4


def test_two_worlds_that_differ_by_a_minor_s_secret_answer_a_parent_alike(client, dossier, doctor, document, clock):
    """Trail, preview, what he does not see, the question before masking: byte for byte, less her own visits."""
    Patient.objects.filter(dossier=dossier).update(birth_date="2015-01-01")
    links = {"service_start": FIRST, "author_structure": "1990000001", "event_codes": ["A"], "reference_ids": ["u|A"]}
    Document.objects.update(**links)
    make.treat(dossier, doctor)
    opens(doctor, dossier, document)
    client.force_login(
        make.holder_of(dossier, "parent"), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    addresses = [
        reverse("professional_preview", args=[doctor.pk]),
        reverse("professional_preview", args=[doctor.pk]) + "?reste",
        reverse("documents:mask", args=[document.pk]),
        reverse("documents:document", args=[document.pk]),
        reverse("documents:readers", args=[document.pk]),
        reverse("activity") + "?qui=professionnels",
    ]

    def told():
        pages = [client.get(address) for address in addresses]
        assert {page.status_code for page in pages} == {200}
        own = re.compile(r'(csrfmiddlewaretoken" value|nonce)="[^"]*"|<p class="small">\d+ visites? .*?</p>', re.S)
        return [own.sub("", page.content.decode()) for page in pages]

    told()  # the session's first visit
    before = told()
    secret = make.DocumentFactory(dossier=dossier, secret=True, **links)
    opens(doctor, dossier, secret)
    after = told()
    assert str(secret.pk) not in "".join(after)
    assert [one for one, (x, y) in zip(addresses, zip(before, after, strict=True), strict=True) if x != y] == []
    refused = [client.get(reverse(name, args=[secret.pk])) for name in ("documents:mask", "documents:document")]
    assert {one.status_code for one in refused} == {404}
