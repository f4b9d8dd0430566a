"""No clinical byte reaches an agent: every address of the back office, asked as the back office runs it (M19).

A dossier is full of words found nowhere else. The agent serves its fund, has it on his screen, and even holds every
right of Django's administration: none of those words, whole or in pieces, comes in any answer.
"""

import re
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test import Client
from django.urls import clear_url_caches

from access.models import ConsentRequest, Contest, EmergencyAccess
from audit import trail
from audit.models import Trace
from audit.trail import Event
from documents import contents
from documents.models import Document
from patients.models import InsuredPerson, Patient
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canaricytose"  # a disease that does not exist
# Its first eight letters are enough, and the LOINC of its document; a search asks for six, which its page repeats.
WORDS = re.compile(rf"{CANARY[:8]}|60591-5", re.I)


@contextmanager
def as_the_counter():
    """What is asked meanwhile is asked as the database role of the back office."""
    before = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = "dmp_counter"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = before


@pytest.fixture
def desk(settings, code_tables):
    """The agent with a dossier full of the canary on his screen; his role in the database for what follows."""
    settings.ROOT_URLCONF, settings.ROLE = "dmp.urls_backoffice", "backoffice"
    clear_url_caches()
    cast = doors.cast()
    agent = doors.User.objects.get(email="agent@example.org")
    agent.user_permissions.set(Permission.objects.all())
    person = _of(cast.dossier)
    client = doors.signed_in(agent)
    with as_the_counter():
        client.post("/guichet/", {"number": person.ins.matricule, "reason": "presente"})
    yield cast, client
    clear_url_caches()


def _of(dossier):
    """What a life in the record leaves: a document, its title in traces, a broken glass, an open question."""
    Document.objects.filter(dossier=dossier).update(title=f"{CANARY} : compte rendu", type_code="60591-5")
    document = Document.objects.get(dossier=dossier)
    contents.put(dossier.pk, document.pk, CANARY.encode())
    doctor = make.account(make.ProfessionalFactory())
    with transaction.atomic():
        for event in (Event.DOCUMENT_READ, Event.GLASS_BROKEN):
            trail.record(
                event,
                by=doctor.actor(),
                dossier_id=dossier.pk,
                object_title=CANARY,
                object_type="60591-5",
                reason=CANARY,
                detail={"said": CANARY},
            )
    until = dossier.opened_at
    EmergencyAccess.objects.create(dossier=dossier, user=doctor, kind="break_glass", reason=CANARY, until=until)
    ConsentRequest.objects.create(dossier=dossier, user=doctor, reason=CANARY, expires_at=until)
    read = Trace.objects.about(dossier.pk).latest("seq")
    Contest.objects.create(dossier=dossier, trace_id=read.pk, reason="Je ne le connais pas.", due_at=until)
    patient = Patient.objects.get(dossier=dossier)
    same = {name: getattr(patient, name) for name in ("oid", "birth_family", "given_names", "birth_date", "sex")}
    return InsuredPerson.objects.create(
        lookup=patient.ins.lookup,
        sealed_matricule=patient.ins.sealed(),
        postal_code="69003",
        regime=dossier.regime,
        caisse=dossier.caisse,
        **same,
    )


def said_in(answer):
    return WORDS.search(answer.getvalue().decode(errors="replace") + str(answer.headers))


def test_no_address_shows_a_clinical_word_to_an_agent(desk):
    cast, client = desk
    told, asked = [], 0
    with as_the_counter():
        assert "Dossier ouvert" in client.get("/guichet/personne/").content.decode()
        routes = [route for route in doors.routes("dmp.urls_backoffice") if not route.startswith("compte/")]
        contest = f"/admin/access/contest/{Contest.objects.values_list('pk', flat=True).get(dossier=cast.dossier)}"
        for path in [*(doors.address(route, cast) for route in routes), f"{contest}/change/", f"{contest}/history/"]:
            for query in ("", f"?q={CANARY[:6]}"):
                answer = client.get(path + query)
                asked += 1
                if answer.status_code >= 500 or said_in(answer):
                    told.append(f"{path}{query}: {answer.status_code}")
    assert asked > 100
    assert told == []


def test_the_sheet_leaves_a_trace_in_the_dossier(desk):
    cast, client = desk
    with as_the_counter():
        client.get("/guichet/personne/")
    read = Trace.objects.about(cast.dossier.pk).filter(event="sheet_read").latest("seq")
    assert (read.actor_kind, read.allowed) == ("counter", True)


def test_an_agent_of_another_fund_finds_nothing_by_no_way(desk):
    person = InsuredPerson.objects.get()
    agent = doors.User.objects.create_user("autre@example.org", "x", kind="agent", is_staff=True)
    doors.Authenticator.objects.create(user=agent, type="totp", data={"secret": "x"})
    client = Client()
    client.force_login(agent, backend=doors.BACKEND)
    number = {"number": person.ins.matricule, "reason": "presente"}
    traits = {"family": person.birth_family, "birth_date": person.birth_date.isoformat(), "reason": "presente"}
    for said in (number, traits):
        assert "Aucune personne trouvée" in client.post("/guichet/", said).content.decode()
    session = client.session
    session["counter_person"] = bytes(person.pk).hex()  # even with her key in his session
    session.save()
    for path in ("personne", "ouvrir", "coordonnees", "representants", "acces", "verifier", "lettre"):
        assert client.get(f"/guichet/{path}/").headers["Location"] == "/guichet/", path
