"""An emergency doctor with ten seconds: from the card in a wallet, or without one, to what may not be missed.

Marie Lefèvre, unconscious. Dr Ferrand types the number of her card; a colleague without the card breaks the
glass. Both are told to Marie and to her treating doctor; what must be attested is attested, or escalated.
"""

import datetime as dt
import re
import time

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import reverse

from access import tasks
from audit.models import Trace
from patients.tasks import send_notices
from tests import factories as make

pytestmark = pytest.mark.django_db

TEN_SECONDS = 10
MORNING = dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC)


def titles(answer):
    return {one["resource"]["resourceType"] for one in answer.json().get("entry", [])}, len(
        answer.json().get("entry", [])
    )


def test_ten_seconds(code_tables, api, holder_client, settings, time_machine):
    time_machine.move_to(MORNING, tick=False)
    settings.OPERATOR_EMAIL = "exploitation@example.org"
    make.matrix()
    marie = make.DossierFactory()
    for code, masked in (("60591-5", False), ("57833-6", False), ("11488-4", False), ("60591-5", True)):
        make.DocumentFactory(dossier=marie, type_code=code, masked=masked)
    morel, ferrand, colleague = (make.ProfessionalFactory(family=one) for one in ("MOREL", "FERRAND", "COLIN"))
    make.treat(marie, morel)

    browser = holder_client(marie)
    page = browser.post(reverse("emergency_card")).content.decode()
    number = re.search(r'name="number" value="(\w+)"', page)[1]

    started = time.perf_counter()
    er = api(ferrand)
    opened = er.post("/api/v1/urgences/numero", {"number": number}, format="json").json()
    vital = er.get(f"/fhir/DocumentReference?status=current&patient={opened['dossier']}")
    assert time.perf_counter() - started < TEN_SECONDS
    assert titles(vital) == ({"DocumentReference"}, 2)  # not the report, not what is masked
    assert vital.headers["DMP-Mode"].startswith("numero-urgence; jusqua=")

    other = api(colleague)
    glass = f"/api/v1/dossiers/{marie.pk.hex}/urgences"
    broken = other.post(glass, {"reason": "inconscience"}, format="json").json()
    everything = other.get(f"/fhir/DocumentReference?status=current&patient={marie.pk.hex}")
    assert titles(everything) == ({"DocumentReference"}, 3)
    assert everything.headers["DMP-Mode"].startswith("urgence; jusqua=")

    told = api(morel).get("/api/v1/alertes/urgences").json()
    assert sorted(one["kind"] for one in told) == ["break_glass", "number"]
    send_notices()
    assert "en urgence" in mail.outbox[-1].subject

    time_machine.move_to(MORNING + dt.timedelta(hours=5), tick=False)
    for client in (api(ferrand), api(colleague)):
        assert client.get(f"/fhir/DocumentReference?status=current&patient={marie.pk.hex}").status_code == 403

    time_machine.move_to(MORNING + dt.timedelta(hours=73), tick=False)
    assert "sans justification écrite" in holder_client(marie).get(reverse("profile_emergency")).content.decode()
    tasks.signal_attestations()
    assert mail.outbox[-1].to == ["exploitation@example.org"]
    with pytest.raises(CommandError):
        call_command("emergencies", verbosity=0)
    said = {"text": "Polytraumatisée, inconsciente, sans carte sur elle : antécédents recherchés."}
    assert api(colleague).put(f"{glass}/{broken['id']}/attestation", said, format="json").status_code == 200
    call_command("emergencies", verbosity=0)
    modes = set(Trace.objects.about(marie.pk).values_list("mode", flat=True))
    assert {"break_glass", "emergency_number"} <= modes
    assert number not in str([vars(one) for one in Trace.objects.all()])
