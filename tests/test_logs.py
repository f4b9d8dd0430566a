"""The log of a failed statement says which rule failed, and no value."""

import io
import json
import logging
import re
import runpy
import smtplib
from pathlib import Path

import pytest
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.http import HttpResponse
from django.urls import path
from gunicorn.config import Config

from access.models import User
from dmp import urls
from dmp.logs import AsJson
from patients.models import Caisse

NAME = "quenneville"
LINES = "quenne\nville"
WHO = f"odile.{NAME}@example.org"
pytestmark = pytest.mark.django_db


def twice(request=None):
    """The same address twice: a real refusal of a real constraint."""
    with transaction.atomic():
        User.objects.create(email=WHO)
        User.objects.create(email=WHO)
    return HttpResponse()


def twice_on_two_lines():
    with transaction.atomic():
        for _ in range(2):
            Caisse.objects.create(code=LINES, name="x", department="69")


def not_a_number():
    """The value stands in the message itself."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT %s::text::int", [NAME])


def copied():
    """The value stands in CONTEXT."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (n int) ON COMMIT DROP")
        with cursor.copy("COPY numbers (n) FROM STDIN") as copy:
            copy.write(f"{NAME}\n")


def turned_into_another():
    try:
        twice()
    except DatabaseError as error:
        raise ValidationError("Cette adresse sert déjà.") from error


def not_an_address():
    """As the standard library quotes what it cannot read."""
    raise ValueError(f'Invalid address "{NAME}"')


def refused_by_the_mail_server():
    raise smtplib.SMTPRecipientsRefused({WHO: (550, b"unknown")})


def answered_by_the_mail_server():
    raise smtplib.SMTPDataError(550, f"no such user: {NAME}".encode())


def a_file():
    Path(f"/nowhere/{NAME}.pdf").read_bytes()


def not_a_key():
    {}[NAME]


def refused_by_a_form():
    raise ValidationError("« %(value)s » ne convient pas.", params={"value": NAME})


def as_words():
    """Somebody else's error, of a kind that nobody foresaw."""
    raise RuntimeError(f"cannot tell {NAME}")


def grouped():
    try:
        twice()
    except DatabaseError as error:
        raise ExceptionGroup("plusieurs", [error]) from None


urlpatterns = [path("twice/", login_not_required(twice)), *urls.urlpatterns]


@pytest.fixture
def log():
    """What the process's own handler writes."""
    (handler,) = [one for one in logging.getLogger().handlers if type(one.formatter).__module__ == "dmp.logs"]
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def test_a_page_that_breaks_a_unique_rule_is_logged_without_the_value(client, settings, log):
    settings.ROOT_URLCONF = "tests.test_logs"
    client.raise_request_exception = False
    assert client.get("/twice/").status_code == 500
    text = log.getvalue()
    assert "Traceback" in text
    assert "23505 access_user" in text
    assert NAME not in text


@pytest.mark.parametrize(
    "act",
    [
        twice,
        twice_on_two_lines,
        not_a_number,
        copied,
        turned_into_another,
        grouped,
        not_an_address,
        refused_by_the_mail_server,
        answered_by_the_mail_server,
        a_file,
        not_a_key,
        refused_by_a_form,
        as_words,
    ],
)
def test_no_value_in_a_traceback_nor_in_a_message(log, act):
    logger = logging.getLogger("documents.tasks")
    with pytest.raises(Exception) as raised:
        act()
    error = raised.value
    logger.error("Échec", exc_info=error)
    logger.error("Échec : %s, %r", error, error)
    logger.error(error)
    cause = error.__cause__ or error
    logger.error("Task failed: " + repr(cause), exc_info=error)  # as Celery writes it
    text = log.getvalue()
    assert text.count("Traceback") >= 2
    assert not re.search("quenne|ville", text)


def test_a_message_kept_as_words_loses_its_detail(log):
    with pytest.raises(DatabaseError) as raised:
        twice()
    logging.getLogger("audit").error("répondu : %s", str(raised.value))
    assert "already exists" not in log.getvalue()
    assert WHO not in log.getvalue()


def test_gunicorn_s_own_error_log_is_as_discreet_and_its_access_log_shut(db):
    config = Config()
    config.set("logger_class", gunicorn_settings()["logger_class"])
    config.set("accesslog", gunicorn_settings()["accesslog"])
    logger = config.logger_class(config)
    (handler,) = [one for one in logger.error_log.handlers if getattr(one, "_gunicorn", False)]
    written = io.StringIO()
    handler.setStream(written)
    try:
        twice()
    except DatabaseError as error:
        logger.exception("Error handling request %s", error)
    logger.error_log.removeHandler(handler)
    assert "23505 access_user" in written.getvalue()
    assert NAME not in written.getvalue()
    assert not logger.access_log_enabled


def gunicorn_settings():
    return runpy.run_path(str(Path(__file__).parents[1] / "dmp" / "gunicorn.py"))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (smtplib.SMTPDataError(550, b"x@y.fr"), "[SMTPDataError 550]"),
        (FileNotFoundError(2, "No such file or directory", "/x"), "[FileNotFoundError 2 No such file or directory]"),
        (AttributeError("'NoneType' object has no attribute 'patient'"), "has no attribute 'patient'"),
    ],
)
def test_what_is_wrong_is_still_told(log, error, told):
    logging.getLogger("documents.tasks").error("Échec : %s", error)
    assert told in log.getvalue()


DOSSIER = "01a20846fe0070008018c749033c7d8d"


@pytest.mark.parametrize(
    "said",
    [
        f"Forbidden: /api/v1/dossiers/{DOSSIER}/urgences",
        f"Not Found: /fhir/Binary/{DOSSIER}{DOSSIER}",
        f"task 01a20846-fe00-7000-8018-c749033c7d8d of {DOSSIER.upper()}",
        "person 197023599000284, or 297022A123456, or 1970235990002",
        "person 1 97 02 35 990 002 84, or 2.97.02.2A.123.456, or 1-97-02-35-990-002-84",
        "professional 10005173140, or 810005173140",
    ],
)
def test_no_key_of_a_dossier_and_no_number_of_a_person_is_logged(log, said):
    logging.getLogger("django.request").warning(said)
    assert not re.search(r"[0-9A-Fa-f]{8}", log.getvalue())
    assert "…" in log.getvalue()


@pytest.mark.parametrize(
    "said",
    ["to marie.o'neil+dmp@sante.example.org", "06 12 34 56 78", "0612345678", "+33 6 12 34 56 78", "+33(0)612345678"],
)
def test_no_address_and_no_telephone_is_logged(log, said):
    logging.getLogger("patients.tasks").warning("Sent: %s.", said)
    assert not re.search(r"marie|sante|12.?34", log.getvalue())
    assert "…" in log.getvalue()


@pytest.mark.parametrize(
    "said",
    [
        "celery@machine.example.org ready",
        "succeeded in 0.0612345678901s",
        "2026-11-27 23:56:44,612 took 17 ms",
        "port 8000",
    ],
)
def test_what_names_nobody_stays(log, said):
    logging.getLogger("celery").warning(said)
    assert said in log.getvalue()


def test_a_line_is_one_object_for_who_gathers_them(log):
    (handler,) = [one for one in logging.getLogger().handlers if type(one.formatter).__module__ == "dmp.logs"]
    before = handler.formatter
    handler.setFormatter(AsJson("{message}", style="{"))
    try:
        logging.getLogger("documents.tasks").error("deux\nlignes de %s", DOSSIER)
    finally:
        handler.setFormatter(before)
    said = json.loads(log.getvalue())
    assert (said["level"], said["logger"], said["said"]) == ("ERROR", "documents.tasks", "deux\nlignes de …")


def test_what_the_product_logs_names_no_field_of_a_person():
    """Every call of a logger: its words and what it fills them with."""
    root = Path(__file__).parents[1]
    telling = re.compile(r"\b(name|family|given|title|email|phone|matricule|ins|birth|reason|content|text|label)\b")
    calls = re.compile(r"\blog(?:ger)?\.(?:debug|info|warning|error|exception|log)\((?:[^()]|\([^()]*\))*\)", re.S)
    found = [
        f"{path.relative_to(root)}: {' '.join(call.split())}"
        for app in ("access", "archival", "audit", "dmp", "documents", "fhir", "patients")
        for path in (root / app).rglob("*.py")
        for call in calls.findall(path.read_text())
        if telling.search(re.sub(r'"[^"]*"|__name__', "", call))
    ]
    assert found == []
