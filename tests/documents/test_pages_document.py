"""One document on its page: what it is in plain words, its content made harmless, its file byte for byte."""

import base64
import datetime as dt
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from audit.models import Trace
from documents import contents
from documents.models import Result
from tests import factories as make
from tests import messages

pytestmark = pytest.mark.django_db

NARRATIVE = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section>
<title>Conclusion</title><text><paragraph>Tension <content styleCode="Bold">12/8</content></paragraph>
<script>alert(1)</script><linkHtml href="javascript:alert(1)">lien</linkHtml>
<paragraph>&lt;img src=x onerror=alert(1)&gt;</paragraph></text>
</section></component></structuredBody></component></ClinicalDocument>"""


def filed(dossier, content, media_type="application/pdf", **fields):
    """A document with its content in the vault."""
    document = make.DocumentFactory(dossier=dossier, media_type=media_type, size=len(content), **fields)
    contents.put(dossier.pk, document.pk, content)
    return document


def url(document, name="document"):
    return reverse(f"documents:{name}", args=[document.pk])


def page(client, document):
    answer = client.get(url(document))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def body(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def jpeg():
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG")
    return file.getvalue()


DEMO = Path(__file__).parents[2] / "documents" / "demo" / "antoine"
CARRIED = re.compile(r'(<text mediaType="[^"]*" representation="B64">)([^<]*)<')


def level_1(content):
    """The level 1 CDA of the demonstration, carrying this content."""
    letter = (DEMO / "neurologie.xml").read_text()
    return CARRIED.sub(lambda found: f"{found[1]}{base64.b64encode(content).decode()}<", letter).encode()


def result(document, at, number, **fields):
    defaults = {
        "rank": 1,
        "code": "718-7",
        "system": "2.16.840.1.113883.6.1",
        "display": "Hémoglobine",
        "value": str(number),
        "number": Decimal(str(number)),
        "unit": "g/dL",
        "low": "12",
        "high": "16",
    }
    return Result.objects.create(dossier=document.dossier, document=document, at=at, **(defaults | fields))


# -- the page ------------------------------------------------------------------------------------------
def test_the_page_says_what_it_is_and_is_traced(holder_client, dossier):
    document = filed(dossier, messages.pdf(), author_given="Paul", author_structure_name="Cabinet des Lilas")
    text = page(holder_client(dossier), document)
    for words in ("Paul Morel", "Cabinet des Lilas", "non analysé par un antivirus", "Comptes rendus"):
        assert words in text
    trace = Trace.objects.about(dossier.pk).get()
    assert (trace.event, trace.object_id, trace.object_title) == ("document_read", document.pk, document.title)


@pytest.mark.parametrize("name", ["document", "file", "extract", "preview", "mask", "unmask", "delete"])
@pytest.mark.parametrize("kind", ["another dossier", "awaiting", "removed", "unknown"])
def test_what_does_not_exist_for_her_is_the_same_page_not_found(holder_client, dossier, name, kind):
    if kind == "another dossier":
        document = filed(make.DossierFactory(), messages.pdf())
    elif kind == "unknown":
        document = make.DocumentFactory.build(dossier=dossier)
    else:
        document = filed(dossier, messages.pdf(), **{kind: True})
    answer = holder_client(dossier).get(url(document, name))
    assert answer.status_code == 404
    refusal = Trace.objects.about(dossier.pk).get()
    assert (refusal.allowed, refusal.ground, refusal.object_id) == (False, "absent", document.pk)


def test_a_narrative_is_shown_harmless(holder_client, dossier):
    document = filed(dossier, NARRATIVE.encode(), "text/xml", level="N3")
    text = page(holder_client(dossier), document)
    assert "<h2>Conclusion</h2>" in text
    assert "<strong>12/8</strong>" in text
    narrative = text[text.index("Conclusion") : text.index("</main>")]
    assert "<script" not in narrative
    assert "javascript:" not in narrative
    assert "<img" not in narrative


def test_a_title_cannot_be_code(holder_client, dossier):
    document = filed(dossier, messages.pdf(), title="<script>alert(1)</script>", description="<b>gras</b>")
    text = page(holder_client(dossier), document)
    assert "<script>alert" not in text
    assert "<b>gras" not in text


def test_a_content_that_cannot_be_read_again_is_said_so(holder_client, dossier):
    document = make.DocumentFactory(dossier=dossier, level="N3", media_type="text/xml")
    client = holder_client(dossier)
    assert "ne peut pas être relu" in page(client, document)
    assert client.get(url(document, "file")).status_code == 500


def test_versions_lead_to_each_other(holder_client, dossier):
    old = filed(dossier, messages.pdf(), title="Bilan provisoire", state="superseded")
    new = filed(dossier, messages.pdf(), title="Bilan définitif", replaces=old)
    client = holder_client(dossier)
    assert url(new) in page(client, old)
    assert url(old) in page(client, new)


# -- results ---------------------------------------------------------------------------------------------------
def test_results_out_of_range_have_a_word_and_a_sign(holder_client, dossier):
    document = filed(dossier, messages.pdf())
    now = timezone.now()
    result(document, now, "10.5")
    result(document, now, "13", display="Créatinine", code="2160-0")
    result(document, now, "5", display="TSH", code="3016-3", low="", high="", interpretation="HH")
    text = page(holder_client(dossier), document)
    assert re.search(r"10,5</strong> g/dL <br><span[^>]*><span aria-hidden=\"true\">▼</span> en dessous", text)
    assert re.search(r"5</strong> g/dL <br><span[^>]*><span aria-hidden=\"true\">▲</span> au-dessus", text)
    assert text.count('class="out"') == 2
    assert "12 à 16 g/dL" in text


def test_a_curve_joins_what_she_may_see_and_nothing_else(holder_client, dossier):
    now = timezone.now()
    documents = [filed(dossier, messages.pdf()) for _ in range(3)]
    hidden = filed(dossier, messages.pdf(), awaiting=True)
    replaced = filed(dossier, messages.pdf(), state="superseded")
    for number, document in enumerate((*documents, hidden, replaced)):
        result(document, now - dt.timedelta(days=30 * number), 10 + number)
    result(documents[0], now - dt.timedelta(days=30), 11, prior=True, low="", high="")  # copy of an earlier one
    result(documents[1], now, 99, unit="mmol/L")  # another unit is another series
    text = page(holder_client(dossier), documents[0])
    (curve,) = re.findall(r"<svg[^>]*trend-svg.*?</svg>", text)
    assert curve.count("<circle") + curve.count('<rect class="trend-out"') == 3
    assert "<title" in curve
    assert "trend-band" in curve
    assert "3 résultats, de 12 à 10 g/dL : en baisse." in curve
    assert not re.search(r"\b99\b", text)  # whole: a random identifier may hold these digits


def test_one_point_draws_no_curve(holder_client, dossier):
    document = filed(dossier, messages.pdf())
    result(document, timezone.now(), 13)
    assert "trend-svg" not in page(holder_client(dossier), document)


# -- files --------------------------------------------------------------------------------------------------------
def test_the_file_comes_out_byte_for_byte_and_is_never_run(holder_client, dossier):
    content = messages.pdf()
    document = filed(dossier, content, title="Bilan\r\nSet-Cookie: x=1; é.exe")
    answer = holder_client(dossier).get(url(document, "file"))
    assert body(answer) == content
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bilan-set-cookie-x1-eexe.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cache-Control"] == "no-store"
    assert Trace.objects.about(dossier.pk).get().detail["purpose"] == "download"


def test_no_trace_no_byte(holder_client, dossier, monkeypatch):
    from audit import trail

    document = filed(dossier, messages.pdf("Secret"))
    client = holder_client(dossier)
    client.get(reverse("profile"))
    monkeypatch.setattr(trail, "_INSERT", "SELECT broken")
    for name in ("document", "file", "preview", "extract"):
        answer = client.get(url(document, name))
        assert answer.status_code == 503
        assert b"%PDF" not in body(answer)


def test_a_picture_is_drawn_as_what_it_is(holder_client, dossier):
    document = filed(dossier, jpeg(), "image/jpeg")
    client = holder_client(dossier)
    assert url(document, "preview") in page(client, document)
    answer = client.get(url(document, "preview"))
    assert (answer.headers["Content-Type"], answer.headers["Content-Disposition"]) == ("image/jpeg", "inline")
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.content == jpeg()


@pytest.mark.parametrize("content", [b"<html><script>alert(1)</script>", b"%PDF-1.4", b"<svg onload='alert(1)'/>"])
def test_bytes_that_are_no_picture_are_not_drawn(holder_client, dossier, content):
    document = filed(dossier, content, "image/png")
    assert holder_client(dossier).get(url(document, "preview")).status_code == 404


def test_what_a_level_1_document_carries_is_taken_out(holder_client, dossier):
    content = messages.pdf()
    document = filed(dossier, level_1(content), "text/xml", level="N1")
    client = holder_client(dossier)
    assert "Télécharger (PDF)" in page(client, document)
    answer = client.get(url(document, "extract"))
    assert body(answer) == content
    assert answer.headers["Content-Type"] == "application/pdf"
    assert body(client.get(url(document, "file"))) == level_1(content)


def test_what_is_taken_out_is_served_as_what_it_is_not_as_it_says(holder_client, dossier):
    document = filed(dossier, level_1(b"<html><script>"), "text/xml", level="N1")
    client = holder_client(dossier)
    assert client.get(url(document, "preview")).status_code == 404
    answer = client.get(url(document, "extract"))
    assert answer.headers["Content-Type"] == "text/xml"
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_plain_text_is_shown_escaped(holder_client, dossier):
    document = filed(dossier, "Réaction <b>cutanée</b>".encode(), "text/plain")
    assert "Réaction &lt;b&gt;cutanée" in page(holder_client(dossier), document)
