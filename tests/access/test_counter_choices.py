"""What an agent must say before the counter opens a dossier or gives an account back; and what he is told."""

from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.counter import Open
from access.counter_access import GiveBack

LIVE = {"consent": "on", "way": "direct", "seen": "passeport"}
SIGNED = {"consent": "on", "way": "papier", "evidence": "F-12"}
PAPER = "Formulaire signé : donnez son numéro et joignez-le, numérisé."


def opening(said, content=None):
    files = {"scan": SimpleUploadedFile("scan.pdf", content)} if content is not None else None
    form = Open({name: value for name, value in said.items() if value is not None}, files)
    form.is_valid()
    return form


@pytest.mark.parametrize(
    ("changed", "content", "errors"),
    [
        (LIVE, None, {}),
        (LIVE | {"seen": ""}, None, {"seen": ["De vive voix, voyez d'abord une pièce d'identité."]}),
        (LIVE | {"consent": None}, None, {"consent": ["Sans consentement exprès, aucun dossier n'est ouvert."]}),
        (SIGNED, b"%PDF-1.4", {}),
        (SIGNED, None, {"__all__": [PAPER]}),
        (SIGNED | {"evidence": ""}, b"%PDF-1.4", {"__all__": [PAPER]}),
        (SIGNED, b"texte", {"scan": ["Le formulaire numérisé doit être un PDF, un JPEG ou un PNG."]}),
    ],
)
def test_a_consent_is_given_on_paper_or_aloud_each_with_its_proof(changed, content, errors):
    form = opening(changed, content)
    assert form.errors == errors
    if content == b"%PDF-1.4" and not errors:
        scan = form.cleaned_data["scan"]
        assert (scan.media_type, bytes(scan.content)) == ("application/pdf", content)


def test_a_scan_of_five_megabytes_is_taken_and_one_byte_more_is_not():
    most = 5 * 1024 * 1024
    assert opening(SIGNED, b"%PDF-" + b"x" * (most - 5)).errors == {}
    too_much = opening(SIGNED, b"%PDF-" + b"x" * (most - 4)).errors["scan"]
    assert too_much == ["Le fichier dépasse 5 Mo : numérisez en noir et blanc, à 200 points par pouce."]


def test_of_a_file_no_more_is_read_than_is_taken():
    asked = []
    form = Open()
    form.cleaned_data = {"scan": SimpleNamespace(read=lambda size: asked.append(size) or b"%PDF-1.4")}
    assert form.clean_scan().content == b"%PDF-1.4"
    assert asked == [5 * 1024 * 1024 + 1]


def accounts():
    return [
        SimpleNamespace(user_id=number, user=name, get_role_display=lambda role=role: role)
        for number, name, role in ((7, "Marie Lefèvre", "titulaire"), (8, "Paul Aubert", "aidant"))
    ]


def test_accounts_are_offered_by_name_and_quality():
    choices = GiveBack(accounts()).fields["account"].choices
    assert list(choices) == [("7", "Marie Lefèvre (titulaire)"), ("8", "Paul Aubert (aidant)")]


@pytest.mark.parametrize(
    ("rank", "said", "wrong"),
    [
        (0, {"evidence": "passeport", "checked": "on"}, False),
        (0, {"evidence": "passeport"}, True),
        (0, {"checked": "on"}, True),
        (1, {}, False),
    ],
)
def test_a_code_is_handed_to_who_is_there_and_posted_to_who_is_not(rank, said, wrong):
    way = GiveBack([]).fields["way"].choices[rank][0]
    form = GiveBack(accounts(), {"account": "7", "way": way} | said)
    words = "Pour remettre un code, voyez la personne et sa pièce d'identité."
    assert form.errors == ({"__all__": [words]} if wrong else {})


def test_nobody_else_s_account_is_given_back():
    form = GiveBack(accounts(), {"account": "9", "way": GiveBack([]).fields["way"].choices[1][0]})
    assert list(form.errors) == ["account"]
