"""What the counter's two forms about a request refuse, and what they make of what is filled in."""

import datetime as dt
import itertools
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from access.counter_request_forms import ACTS, COPY, LARGEST, Move, Record, possible
from patients.models_requests import CARRIED_OUT

NOW = dt.datetime(2027, 3, 10, 9, 30, tzinfo=dt.UTC)  # half past ten in Paris
ME = "counter:1"
AT_COUNTER = {"channel": "counter", "kind": "copy", "identity": "passeport"}
BY_POST = {"channel": "post", "kind": "copy", "identity": COPY, "arrived": "09/03/2027"}
FAMILY = AT_COUNTER | {
    "kind": "heirs",
    "requester": "Aude Marchand",
    "address": "3 rue Neuve",
    "quality": "heir",
    "proof": "Acte de notoriété",
    "motive": "memory",
}


@pytest.fixture(autouse=True)
def _now(time_machine):
    time_machine.move_to(NOW, tick=False)


def filled(said, content=None, name="courrier.pdf"):
    files = {"scan": SimpleUploadedFile(name, content)} if content is not None else {}
    return Record({key: value for key, value in said.items() if value is not None}, files)


def errors(form):
    return {name: [str(one) for one in some] for name, some in form.errors.items()}


def paris(*when):
    return dt.datetime(*when, tzinfo=ZoneInfo("Europe/Paris"))


# -- recording ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (AT_COUNTER, {}),
        (BY_POST, {}),
        (FAMILY, {}),
        (AT_COUNTER | {"identity": COPY}, {"identity": ["Au guichet, voyez la pièce elle-même."]}),
        (BY_POST | {"identity": "passeport"}, {}),
        (BY_POST | {"arrived": ""}, {"arrived": ["Indiquez le jour d'arrivée du courrier."]}),
        *(
            (AT_COUNTER | {"kind": kind}, {"said": ["Dites en quelques mots ce qui est demandé."]})
            for kind in ("rectification", "document", "contest")
        ),
        *((AT_COUNTER | {"kind": kind, "said": "le nom"}, {}) for kind in ("rectification", "document", "contest")),
        *((AT_COUNTER | {"kind": kind}, {}) for kind in ("closure", "destruction", "reopening")),
        *(
            (FAMILY | {name: ""}, {name: ["Nécessaire pour la demande d'un proche (article L1110-4)."]})
            for name in ("requester", "address", "quality", "proof", "motive")
        ),
        (FAMILY | {"proof": "Certificat de concubinage"}, {"proof": ["Cette pièce ne prouve pas cette qualité."]}),
        (FAMILY | {"quality": "partner", "proof": "Certificat de concubinage"}, {}),
        (FAMILY | {"quality": "pacs", "proof": "Acte de naissance portant le Pacs"}, {}),
        (FAMILY | {"proof": "Livret de famille"}, {}),
        (FAMILY | {"quality": "pacs"}, {"proof": ["Cette pièce ne prouve pas cette qualité."]}),
    ],
)
def test_what_a_request_needs(said, wrong):
    assert errors(filled(said)) == wrong


@pytest.mark.parametrize("name", ["channel", "kind", "identity"])
def test_a_way_a_kind_and_a_proof_of_identity_are_always_said(name):
    assert set(errors(filled(AT_COUNTER | {name: ""}))) == {name}
    assert set(errors(filled(AT_COUNTER | {name: "autre"}))) == {name}


def test_a_field_that_is_wrong_is_said_once():
    assert set(errors(filled(FAMILY | {"quality": "friend"}))) == {"quality"}
    assert len(errors(filled(FAMILY | {"quality": "friend"}))["quality"]) == 1
    assert len(errors(filled(BY_POST | {"arrived": "hier"}))["arrived"]) == 1


def test_what_is_for_a_family_is_kept_for_a_family():
    data = filled(FAMILY | {"kind": "copy"})
    assert data.is_valid()
    assert {name: data.cleaned_data[name] for name in ("quality", "proof", "motive", "requester", "address")} == {
        "quality": "",
        "proof": "",
        "motive": "",
        "requester": "Aude Marchand",
        "address": "3 rue Neuve",
    }
    heirs = filled(FAMILY)
    assert heirs.is_valid()
    assert {name: heirs.cleaned_data[name] for name in ("quality", "proof", "motive")} == {
        "quality": "heir",
        "proof": "Acte de notoriété",
        "motive": "memory",
    }


# -- when it arrived ----------------------------------------------------------------------------------------

WHEN = ["Un courrier arrive aujourd'hui ou avant, et il y a moins d'un an."]


@pytest.mark.parametrize(
    ("day", "arrived"),
    [
        ("09/03/2027", paris(2027, 3, 9, 12)),
        ("2027-03-09", paris(2027, 3, 9, 12)),
        ("10/03/2027", NOW),  # not before noon yet
        ("10/03/2026", paris(2026, 3, 10, 12)),
        ("09/03/2026", None),
        ("11/03/2027", None),
    ],
)
def test_a_letter_arrived_at_noon_of_its_day_and_never_later_than_now(day, arrived):
    form = filled(BY_POST | {"arrived": day})
    if arrived is None:
        assert errors(form) == {"arrived": WHEN}
    else:
        assert form.is_valid()
        assert form.cleaned_data["arrived"] == arrived


def test_what_is_asked_at_the_counter_arrives_now():
    form = filled(AT_COUNTER | {"arrived": "09/03/2027"})
    assert form.is_valid()
    assert form.cleaned_data["arrived"] is None


# -- the scan -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF89a", None),
        (b" %PDF-", None),
        (b"MZ", None),
    ],
)
def test_a_scan_is_what_its_first_bytes_say(start, kind):
    form = filled(BY_POST, start + b"x")
    if kind is None:
        assert errors(form) == {"scan": ["Ce fichier n'est ni un PDF, ni un JPEG, ni un PNG."]}
    else:
        assert form.is_valid()
        assert form.cleaned_data["scan"] == (kind, start + b"x")


def test_a_scan_has_five_megabytes_at_most():
    assert LARGEST == 5 * 1024 * 1024
    assert filled(BY_POST, b"%PDF-" + bytes(LARGEST - 5)).is_valid()
    words = "Ce fichier dépasse 5 Mo : scannez en noir et blanc, à 200 points par pouce."
    assert errors(filled(BY_POST, b"%PDF-" + bytes(LARGEST - 4))) == {"scan": [words]}
    none = filled(BY_POST)
    assert none.is_valid() and none.cleaned_data["scan"] is None


def test_a_letter_is_typed_on_several_lines_and_a_scan_is_of_three_kinds():
    form = Record()
    assert form.fields["said"].widget.attrs["rows"] == 3
    assert form.fields["scan"].widget.attrs["accept"] == ".pdf,.jpg,.jpeg,.png"


# -- what becomes of it -------------------------------------------------------------------------------------


def row(state, owner=ME, extended=False, kind="rectification"):
    running = state in ("received", "in_progress", "incomplete", "accepted")
    return SimpleNamespace(
        kind=kind, state=state, owner=owner, extended_at=NOW if extended else None, is_running=running
    )


TABLE = [  # state, followed by me, extended already, what may be done
    ("received", False, False, ["prendre", "annuler"]),
    ("received", True, False, ["annuler"]),
    ("in_progress", True, False, ["manque", "prolonger", "accepter", "refuser", "annuler"]),
    ("in_progress", True, True, ["manque", "accepter", "refuser", "annuler"]),
    ("in_progress", False, True, ["prendre", "manque", "accepter", "refuser", "annuler"]),
    ("incomplete", True, False, ["complet", "prolonger", "refuser", "annuler"]),
    ("incomplete", True, True, ["complet", "refuser", "annuler"]),
    ("accepted", True, False, ["faite", "annuler"]),
    ("accepted", False, False, ["prendre", "faite", "annuler"]),
    *((state, mine, False, []) for state, mine in itertools.product(("refused", "done", "cancelled"), (True, False))),
]


@pytest.mark.parametrize(("state", "mine", "extended", "acts"), TABLE)
def test_what_may_be_done_of_a_request(state, mine, extended, acts):
    one = row(state, ME if mine else "counter:2", extended)
    assert possible(one, ME) == acts
    form = Move(one, ME, {"act": "prendre"})
    assert [name for name, _ in form.fields["act"].choices] == acts
    assert [said for _, said in form.fields["act"].choices] == [ACTS[act] for act in acts]
    assert form.is_valid() is ("prendre" in acts)
    assert form.fields["words"].widget.attrs["rows"] == 5


def test_what_the_service_carries_out_itself_nobody_says_done():
    for kind in CARRIED_OUT:
        assert possible(row("accepted", kind=kind), ME) == ["annuler"]
