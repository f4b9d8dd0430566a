"""What each act at the counter leaves: its trace, whole, and the rows it makes."""

import datetime as dt
import re

import pytest
from django.core import mail

from access import consents, counter
from access.counter_online import make_account
from access.models import ConsentMeans, Representation, User
from audit.models import Trace
from documents import papers
from patients import consent_papers, letters
from patients.models import Consent, ConsentPaper, Dossier, InsuredPerson
from tests import factories as make
from tests.access.counter import NEW, look_for
from tests.told import told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("back_office")]
VERIFY = "/guichet/verifier/"


def by(agent, event, **more):
    said = {
        "event": event,
        "allowed": True,
        "mode": "normal",
        "actor_kind": "counter",
        "actor_id": str(agent.pk),
        "actor_name": str(agent),
    }
    means = agent.actor().means
    return said | ({"means": means} if means else {}) | more


def last(dossier=None):
    rows = Trace.objects.filter(dossier_id=dossier.pk) if dossier else Trace.objects.all()
    return rows.order_by("-at", "-seq").first()


# -- looking for a person -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "found"), [("number", 1), ("traits", 1), ("number", 0), ("traits", 0), ("traits", 2)]
)
def test_a_search_is_traced_with_what_it_found_and_no_name(client, agent, how, found):
    people = [make.InsuredFactory() for _ in range(max(found, 1))]
    said = {"number": "", "family": people[0].birth_family.lower(), "birth_date": "12/03/1984"}
    if how == "number":
        said = {"number": people[0].ins.matricule}
    if not found:
        other = make.CaisseFactory(code="751", department="75")
        InsuredPerson.objects.update(caisse=other)
    answer = look_for(client, people[0], reason="telephone", **said)
    assert answer.status_code == (302 if found == 1 else 422)
    trace = last()
    assert trace.dossier_id.int == 0
    assert told(trace) == by(
        agent, "identity_searched", allowed=found == 1, reason="telephone", detail={"by": how, "found": found}
    )
    if found != 1:
        words = (
            "Plusieurs personnes répondent" if found else "Aucune personne trouvée parmi les assurés de vos caisses."
        )
        assert words in answer.content.decode()


def test_three_people_of_one_name_are_several(client, agent):
    people = [make.InsuredFactory() for _ in range(3)]
    look_for(client, people[0], number="", family=people[0].birth_family, birth_date="1984-03-12")
    assert last().detail == {"by": "traits", "found": 2}


def test_the_sheet_and_the_contacts_are_traced_when_read(client, agent, opened):
    client.get("/guichet/personne/")
    assert told(last(opened)) == by(agent, "sheet_read", object_kind="person")
    client.get("/guichet/coordonnees/")
    assert told(last(opened)) == by(agent, "sheet_read", object_kind="contacts")
    look_for(client, make.InsuredFactory(birth_family="AUTRE"))
    client.get("/guichet/personne/")
    trace = last()
    assert (trace.dossier_id.int, told(trace)) == (0, by(agent, "sheet_read", object_kind="person"))


def test_what_an_opening_keeps_of_the_consent(client, agent, opened):
    consent = Consent.objects.get(pk=opened.opening_consent_id)
    assert (consent.given_by, consent.evidence, consent.channel) == ("holder", "de vive voix, passeport", "counter")
    assert (consent.collected_by, opened.opened_channel) == (f"counter:{agent.pk}", "counter")
    assert (opened.allows_break_glass, opened.allows_regulation) == (False, False)


def test_a_signed_form_is_kept_by_its_number(agent):
    person = make.InsuredFactory()
    papers.publish()
    scan = consent_papers.Scan("application/pdf", b"%PDF")
    said = {"way": "papier", "evidence": "F-12", "seen": "", "scan": scan, "allows_break_glass": True}
    counter._open(person, said | {"allows_regulation": False}, agent)
    dossier = Dossier.objects.get()
    consent = Consent.objects.get(pk=dossier.opening_consent_id)
    assert (consent.given_by, consent.evidence, consent.channel) == ("holder", "F-12", "counter")
    assert (dossier.allows_break_glass, dossier.allows_regulation) == (True, False)
    paper = ConsentPaper.objects.get(dossier=dossier)
    assert (paper.consent_id, paper.media_type, paper.size) == (consent.pk, "application/pdf", 4)


# -- a newcomer -----------------------------------------------------------------------------------------------


def test_a_newcomer_is_kept_as_the_service_says_and_traced(client, agent, settings):
    settings.INS_SERVICE = "patients.insi.Demonstration"
    said = NEW | {"regime": make.RegimeFactory().pk, "caisse": "691"}
    client.post("/guichet/arrivant/", said)
    person = InsuredPerson.objects.get()
    assert (person.birth_family, person.given_names.split()[0], person.birth_date, person.sex) == (
        "HADDAD",
        person.given_names.split()[0],
        dt.date(1992, 5, 17),
        "F",
    )
    assert (person.postal_code, person.regime_id, person.caisse_id) == ("69003", said["regime"], "691")
    assert bytes(person.lookup) == person.ins.lookup
    trace = last()
    assert told(trace) == by(agent, "identity_searched", reason="presente", detail={"by": "insi", "found": 1})
    client.post("/guichet/arrivant/", said | {"sex": "M"})
    assert told(last()) == by(
        agent, "identity_searched", allowed=False, reason="presente", detail={"by": "insi", "found": 0}
    )


# -- a proven address -----------------------------------------------------------------------------------------


def mailed():
    return re.search(r"^(\d{3} \d{3})$", mail.outbox[-1].body, re.M)[1]


def test_a_code_sent_is_traced_without_the_address(client, agent, opened):
    client.post(VERIFY, {"email": "marie@example.org"})
    assert mail.outbox[-1].to == ["marie@example.org"]
    assert told(last(opened)) == by(agent, "contact_code_sent", detail={"to": "email"})
    kept = client.session["counter_contact_code"]
    assert (kept["dossier"], kept["kind"], kept["value"], kept["tries"]) == (
        str(opened.pk),
        "email",
        "marie@example.org",
        0,
    )
    assert mailed().replace(" ", "") not in str(kept)


def test_a_telephone_s_code_is_traced_as_such(client, agent, opened, settings, tmp_path):
    settings.TEXT_MESSAGES, settings.EMAIL_FILE_PATH = "patients.text_messages.ToFiles", str(tmp_path)
    client.post(VERIFY, {"phone": "06 12 34 56 78"})
    assert told(last(opened))["detail"] == {"to": "phone"}
    assert client.session["counter_contact_code"]["value"] == "06 12 34 56 78"


def test_a_code_serves_until_ten_minutes_and_once(client, opened, time_machine):
    noon = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
    for seconds, status in ((599, 302), (600, 422)):
        time_machine.move_to(noon, tick=False)
        client.post(VERIFY, {"email": "marie@example.org"})
        right = mailed()
        time_machine.move_to(noon + dt.timedelta(seconds=seconds), tick=False)
        assert client.post(VERIFY, {"code": right}).status_code == status
        User.objects.filter(email="marie@example.org").update(email="ancienne@example.org")
    assert client.session["counter_contact_code"]["tries"] == 1


def test_the_account_of_a_proven_address_is_the_holder_s(client, agent, opened):
    client.post(VERIFY, {"email": "Marie@Example.org"})
    client.post(VERIFY, {"code": mailed()})
    row = Representation.objects.get()
    user = row.user
    assert (user.email, user.kind, user.first_name, user.last_name) == (
        "marie@example.org",
        "person",
        "Marie",
        "Lefèvre",
    )
    assert not user.has_usable_password()
    address = user.emailaddress_set.get()
    assert (address.email, address.verified, address.primary) == ("marie@example.org", True, True)
    assert (row.dossier, row.role, row.evidence, row.recorded_by) == (
        opened,
        "holder",
        "e-mail vérifié au guichet",
        f"counter:{agent.pk}",
    )
    assert row.history.get().history_user_id == f"counter:{agent.pk}"
    trace = Trace.objects.get(event="representation_added")
    assert trace.dossier_id == opened.pk
    assert told(trace) == by(
        agent, "representation_added", object_kind="person", object_id=user.pk, detail={"role": "holder"}
    )


@pytest.mark.parametrize(("role", "made"), [("carer", True), ("guardian", False), ("holder", False)])
def test_who_is_represented_or_has_an_account_gets_none(agent, role, made):
    dossier = make.DossierFactory()
    make.holder_of(dossier, role)
    person = make.InsuredFactory(used_family="MARTIN")
    assert make_account(person, dossier, "marie@example.org", by=agent.actor()) is made
    if made:
        assert User.objects.get(email="marie@example.org").last_name == "Martin"


def test_another_dossier_s_representative_counts_for_that_one(agent):
    make.holder_of(make.DossierFactory(), "guardian")
    assert make_account(make.InsuredFactory(), make.DossierFactory(), "m@example.org", by=agent.actor()) is True


# -- the letter -----------------------------------------------------------------------------------------------


def test_the_grid_of_a_letter_is_forty_codes_traced_with_the_paper_seen(client, agent, opened, monkeypatch):
    drawn = []
    monkeypatch.setattr(letters, "render", lambda template, context: drawn.append((template, context)) or b"%PDF")
    answer = client.post("/guichet/lettre/", {"evidence": "passeport", "checked": "on"})
    assert (answer.content, answer.headers["Content-Type"]) == (b"%PDF", "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="lettre.pdf"'
    assert answer.headers["Cache-Control"].startswith("no-store")
    row = ConsentMeans.objects.get()
    ((template, context),) = drawn
    codes = [code for _, line in context["lines"] for code in line]
    assert template == "pdf/welcome_letter.html"
    assert [number for number, _ in context["lines"]] == [1, 2, 3, 4, 5]
    assert {len(line) for _, line in context["lines"]} == {8} and {len(code) for code in codes} == {6}
    assert [bytes(one) for one in row.grid] == [consents.digest(row, n, code) for n, code in enumerate(codes)]
    assert (row.dossier, row.used) == (opened, [])
    assert told(last(opened)) == by(agent, "means_changed", detail={"means": "grid", "evidence": "passeport"})
    ConsentMeans.objects.update(used=[4], pin="kept")
    client.post("/guichet/lettre/", {"evidence": "passeport", "checked": "on"})
    again = ConsentMeans.objects.get()
    assert (again.pk, again.used, again.pin, again.grid != row.grid) == (row.pk, [], "kept", True)
    assert again.grid_made_at > row.grid_made_at


def test_letters_one_after_the_other_are_stopped(client, opened, monkeypatch):
    monkeypatch.setattr(letters, "render", lambda *_: b"%PDF")
    said = {"evidence": "passeport", "checked": "on"}
    assert [client.post("/guichet/lettre/", said).status_code for _ in range(6)] == [200] * 5 + [422]
