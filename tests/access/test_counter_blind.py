"""No clinical byte reaches an agent: every address of the back office, asked as the back office runs it (M19).

A dossier is full of words found nowhere else. The agent serves its fund, has it on his screen, and even holds every
right of Django's administration: none of those words, whole or in pieces, comes in any answer.
"""

import datetime as dt
import re
from contextlib import contextmanager

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.test import Client
from django.urls import clear_url_caches
from django.utils import timezone

from access.models import (
    CaisseGroupGrant,
    ConsentRequest,
    Contest,
    EmergencyAccess,
    MatrixVersion,
    Professional,
    Structure,
)
from audit import trail
from audit.models import Trace
from audit.trail import Event
from documents import contents
from documents.models import Document
from fhir import ids
from patients import request_letters, requests
from patients.models import Caisse, InsuredPerson, OpeningRule, Patient, Regime, RegisterLoad
from patients.models_envelopes import Envelope
from tests import doors
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True)
CANARY = "canaricytose"  # a disease that does not exist
FREE = "motlibrement"  # of what a person writes to the service, which agents read
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
    late = timezone.now() - dt.timedelta(days=5)  # on the list of what is to be attested
    EmergencyAccess.objects.create(
        dossier=dossier, user=doctor, kind="break_glass", reason=CANARY, since=late, until=late
    )
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


def rows_of(cast):
    """Of each model of the administration, a row that is there, and an older version of it where there is one."""
    agent = doors.User.objects.get(email="agent@example.org")
    rule = OpeningRule.objects.create(channel="web", since="2016-01-01")
    grant = CaisseGroupGrant.objects.get(group__user=agent)
    other = doors.User.objects.get(email="operator@example.org")
    other.save()  # a version of the account
    return {
        Group: (grant.group_id, None),
        CaisseGroupGrant: (grant.pk, grant.history.latest().pk),
        Contest: (Contest.objects.values_list("pk", flat=True).get(dossier=cast.dossier), None),
        EmergencyAccess: (EmergencyAccess.objects.values_list("pk", flat=True).get(dossier=cast.dossier), None),
        MatrixVersion: (MatrixVersion.objects.first().pk, None),
        Professional: (cast.doctor.pk, None),
        Structure: (make.StructureFactory().pk, None),
        doors.User: (other.pk, other.history.latest().pk),
        Caisse: (cast.dossier.caisse_id, None),
        OpeningRule: (rule.pk, rule.history.latest().pk),
        Regime: (cast.dossier.regime_id, None),
        RegisterLoad: (make.RegisterLoadFactory().pk, None),
    }


def pages_of(rows):
    """Each page of each row, and what it answers to who holds every right."""
    for model, (pk, version) in rows.items():
        base = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        yield from ((base, 200), (f"{base}{pk}/change/", 200), (f"{base}{pk}/history/", 200))
        yield f"{base}{pk}/delete/", 403
        if version:
            yield f"{base}{pk}/history/{version}/", 200


# With a person on the screen who has a dossier: what each page of the counter answers.
AT_THE_COUNTER = {
    "": 200, "personne/": 200, "ouvrir/": 200, "coordonnees/": 200, "representants/": 200, "acces/": 200,
    "verifier/": 200, "lettre/": 200, "historique/": 200, "arrivant/": 200, "demandes/": 200,
    "demandes/nouvelle/": 200,
    "demandes/{request}/": 200, "demandes/{request}/recu/": 200, "demandes/{request}/pli/": 200, "numero/": 302,
    "carte/": 405,
}  # fmt: skip
ENDS = ("logout", "password_change", "login")  # what would end the session, or is tried where accounts are


def ask_all(client, cast, person, row, rows):
    """Every address, with and without a search, then posted to. The person is on the screen each time."""
    number = ids.join(row.dossier_id, row.pk)
    wanted = dict(pages_of(rows))
    wanted |= {f"/guichet/{page.format(request=number)}": status for page, status in AT_THE_COUNTER.items()}
    routes = [route for route in doors.routes("dmp.urls_backoffice") if not route.startswith("compte/")]
    others = {doors.address(route, cast): None for route in routes}
    asked = list((others | wanted).items())
    posted = [(path, None, "POST") for path, _ in asked if not any(word in path for word in ENDS)]
    read = [(path, status, query) for query in ("", f"?q={CANARY[:6]}") for path, status in asked]
    for path, status, query in read + posted:
        session = client.session
        session["counter_person"] = bytes(person.pk).hex()
        session.save()
        answer = client.post(path, {"reason": CANARY[:6]}) if query == "POST" else client.get(path + query)
        yield path, query, answer, status


def test_no_address_shows_a_clinical_word_to_an_agent(desk, settings):
    """On rows that are there. What the holder wrote to the service herself is on its sheet alone (docs/adr/0008)."""
    settings.INS_SERVICE = "patients.insi.Demonstration"
    cast, client = desk
    person = InsuredPerson.objects.get()
    asked = requests.Asked(kind="rectification", channel="web", requester="X", identity="session", said=FREE)
    row = requests.ask(cast.dossier.pk, asked, by=make.holder(cast.dossier).actor)
    assert WORDS.search(render_to_string(*request_letters.page(row, "recu"))) is None
    Envelope.objects.create(dossier=cast.dossier, request=row, copy_id=make.uuid7())
    rows = rows_of(cast)
    client.raise_request_exception = False
    told, wrong, free, shown = [], [], set(), 0
    with as_the_counter():
        for path, query, answer, status in ask_all(client, cast, person, row, rows):
            said = answer.getvalue().decode(errors="replace") + str(answer.headers)
            shown += answer.status_code == 200
            if answer.status_code >= 500 or WORDS.search(said):
                told.append(f"{path} {query}: {answer.status_code}")
            if query == "" and status not in (None, answer.status_code):
                wrong.append(f"{path}: {answer.status_code}, not {status}")
            if FREE in said:
                free.add(path)
    assert (told, wrong) == ([], [])
    assert shown > 150
    assert free == {f"/guichet/demandes/{ids.join(row.dossier_id, row.pk)}/"}


def test_every_model_of_the_administration_is_crawled(desk):
    cast, _ = desk
    assert set(rows_of(cast)) == set(admin.site._registry)


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
    for path in ("personne", "ouvrir", "coordonnees", "representants", "acces", "verifier", "lettre", "historique"):
        assert client.get(f"/guichet/{path}/").headers["Location"] == "/guichet/", path
