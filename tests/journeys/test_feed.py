"""J6's feed: files of the insurer, by the command and by the drop folder; what the holder, a parent and all see."""

import datetime as dt
import io
import json
import os
import time

import pytest
from django.conf import settings as live
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from documents.statistics import Statistic
from documents.tasks import feed_reimbursements
from patients import tasks
from tests import browser, doors
from tests import factories as make

pytestmark = browser.MARKS
OID = "1.2.250.1.213.1.4.10"


@pytest.fixture
def marie(code_tables):
    return make.DossierFactory()


def line(dossier, number, label, amount, **more):
    day = (timezone.localdate() - dt.timedelta(days=10)).isoformat()
    said = {"organisme": "691", "ligne": str(number), "version": "1", "matricule": dossier.patient.ins.matricule}
    said |= {"oid": OID, "date_soins": day, "date_paiement": day, "nature": "consultation", "libelle": label}
    return said | {"montant": str(amount), "rembourse": str(amount * 7 // 10)} | more


def csv_of(path, *lines):
    names = list(dict.fromkeys(name for one in lines for name in one))
    rows = [";".join(names), *(";".join(one.get(name, "") for name in names) for one in lines)]
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def see(page, live_server):
    """What somebody reads at this address, on a telephone, once axe has looked."""

    def seen(address, user=None):
        page.context.clear_cookies()
        if user is not None:
            value = doors.signed_in(user).cookies[live.SESSION_COOKIE_NAME].value
            page.context.add_cookies([{"name": live.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
        assert page.goto(live_server.url + address).status == 200
        assert browser.faults(page) == [], address
        return page.inner_text("main")

    return seen


CARE = "/documents/soins-rembourses/"


def test_from_the_insurer_s_file_to_the_holder_s_page(see, marie, tmp_path, settings):
    child = make.DossierFactory(minor=True)
    her, parent = make.holder_of(marie), make.holder_of(child, "parent")
    first = csv_of(
        tmp_path / "premier.csv",
        line(marie, 1, "Consultation du cardiologue", 6000),
        line(marie, 2, "Hémogramme", 679, nature="biologie"),
        line(child, 3, "Vaccin", 2500, nature="medicament"),
        line(child, 4, "Contraception d'urgence", 650, nature="medicament", protege="1"),
    )
    call_command("feed_reimbursements", first, "--apply", stdout=io.StringIO())
    tasks.send_notices()
    assert [one.to for one in mail.outbox if "soins" in (one.subject + one.body)] != []
    told = see(CARE, her)
    assert "Consultation du cardiologue" in told and "60,00" in told and "Hémogramme" in told
    told = see(CARE, parent)
    assert "Vaccin" in told and "Contraception" not in told

    settings.FEED_DIR = str(tmp_path / "depot")
    (tmp_path / "depot").mkdir()
    second = tmp_path / "depot" / "second.ndjson"
    changes = [
        line(marie, 1, "Consultation du cardiologue", 5500, version="2"),
        line(marie, 2, "", 0, version="2", annulation="1"),
    ]
    second.write_text("".join(json.dumps(one) + "\n" for one in changes))
    os.utime(second, (time.time() - 120, time.time() - 120))
    feed_reimbursements()
    assert not second.exists()
    told = see(CARE, her)
    assert "55,00" in told and "60,00" not in told and "Hémogramme" not in told


def test_the_coordinator_reads_the_figures_of_his_region(see, marie, without_scripts, live_server):
    month = timezone.localdate().replace(day=1) - dt.timedelta(days=5)
    at = timezone.make_aware(dt.datetime.combine(month, dt.time(12)))
    for _ in range(21):
        make.DossierFactory(opened_at=at)
    for place, count in (("region", 1050), ("department", 1050), ("all", 1050)):
        value = {"region": "Auvergne-Rhône-Alpes", "department": "69"}.get(place, "")
        Statistic.objects.create(
            day=month.replace(day=1), measure="eligible", dimension=place, value=value, count=count
        )
    call_command("statistics", since=month, apply=True, stdout=io.StringIO())
    told = see("/statistiques/?selon=region")
    assert "Auvergne-Rhône-Alpes" in told and "20" in told
    for asked in ("deposited", "read", "emergency", "contested", "eligible", "opened&par=jour"):
        see(f"/statistiques/?mesure={asked}")
    assert "au moins 20 dossiers ouverts, pour 1040 assurés au moins" in see(
        "/statistiques/?region=Auvergne-Rh%C3%B4ne-Alpes"
    ).replace("\u202f", "").replace("\xa0", "")
    page = without_scripts
    page.goto(live_server.url + "/statistiques/")
    page.get_by_label("Une région, ses départements").select_option("Auvergne-Rhône-Alpes")
    page.get_by_role("button", name="Voir cette région").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Statistiques : Auvergne-Rhône-Alpes"
    row = page.get_by_role("row", name="69").first
    assert "20" in row.inner_text() and "1 %" in row.inner_text()
    assert page.get_by_role("progressbar", name="69 : 100 % du plus grand").count() == 2


@pytest.fixture
def without_scripts(page):
    context = page.context.browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()
