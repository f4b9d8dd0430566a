"""The habilitation matrix (D20): a file goes in whole or not at all, a version decides from its date on."""

import datetime as dt
import io
import os
from hashlib import sha256

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access import gate, matrix
from access.facts import Act
from access.management.loading import UNATTENDED
from access.models import MatrixVersion
from access.policy import decide
from patients import terms
from patients.models import Term
from tests import factories as make

pytestmark = pytest.mark.django_db

OFFICIAL = (
    "field_code_profession,field_code_categorie_document,"
    "field_type_de_document.field_code_loinc,field_consultation_document\n"
)
NURSE_READS = OFFICIAL + "60,11,11502-2,1\n60,42,57833-6,0\n"


@pytest.fixture
def file(tmp_path):
    def written(text, encoding="utf-8"):
        path = tmp_path / "matrice.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return written


def load(path, **options):
    told = io.StringIO()
    call_command("load_matrix", path, stdout=told, **{"name": "arrêté", "source": "essai", "apply": True} | options)
    return told.getvalue()


def reads(nurse, dossier):
    decision = decide(Act.LIST, gate.look(make.caller(nurse), dossier_id=dossier.pk)[1])
    return set(decision.scope.types) if decision else set()


@pytest.fixture
def nurse(code_tables):
    return make.ProfessionalFactory(profession="60")


@pytest.fixture
def dossier(code_tables, nurse):
    dossier = make.DossierFactory()
    make.permit(dossier, nurse)
    return dossier


@pytest.mark.parametrize(
    "text",
    [
        NURSE_READS,
        "\ufeff" + NURSE_READS,
        NURSE_READS.replace(",", ";"),
        NURSE_READS.replace(",1\n", ",true\n").replace(",0\n", ",false\n"),
        "profession,category,type,consultation,basis\n60,11,11502-2,1,S\n60,42,57833-6,0,I\n",
        NURSE_READS + "60,11,11502-2,1\n",
    ],
    ids=["official", "with a mark", "semicolons", "true and false", "our draft", "said twice alike"],
)
def test_a_file_of_cells_says_what_each_profession_reads(file, text):
    assert matrix.read(file(text).read_bytes()) == {"60": {"11502-2"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "Colonnes attendues"),
        (OFFICIAL, "aucune cellule"),
        (NURSE_READS + "60,11,11502-2,peut-être\n", "Ligne 4"),
        (NURSE_READS + "60,11,11502-2,0\n", "Ligne 4 : le contraire de la ligne 2"),
        (NURSE_READS + "60,,,1\n", "Ligne 4"),
        (NURSE_READS + "60,inconnue,,1\n", "Ligne 4 : aucun type connu n'est de la catégorie « inconnue »"),
        (NURSE_READS + "60,11\n", "Ligne 4"),
    ],
)
def test_a_wrong_file_changes_nothing_and_says_where(file, code_tables, text, said):
    before = list(MatrixVersion.objects.values())
    with pytest.raises(CommandError, match=said):
        load(file(text))
    assert list(MatrixVersion.objects.values()) == before


def test_a_row_of_a_category_alone_speaks_for_the_types_that_have_no_row_of_their_own(file, code_tables):
    """Two types of imaging (class 31), one of them said apart."""
    Term.objects.filter(table="types", extra__class_code="31").exclude(code__in=["18748-4", "52040-3"]).delete()
    terms.forget()
    assert matrix.read(file(OFFICIAL + "60,31,,1\n60,31,52040-3,0\n").read_bytes()) == {"60": {"18748-4"}}
    assert matrix.read(file(OFFICIAL + "60,31,,0\n60,31,52040-3,1\n").read_bytes()) == {"60": {"52040-3"}}


def test_a_type_said_in_two_categories_is_read_only_if_both_say_so(file):
    both = "60,11,11502-2,{}\n60,10,11502-2,{}\n"
    assert matrix.read(file(OFFICIAL + both.format(1, 1)).read_bytes()) == {"60": {"11502-2"}}
    assert matrix.read(file(OFFICIAL + both.format(1, 0)).read_bytes()) == {"60": frozenset()}
    assert matrix.read(file(OFFICIAL + both.format(0, 1)).read_bytes()) == {"60": frozenset()}


def test_codes_that_no_table_has_are_named_professions_first(code_tables):
    readable = {"60": frozenset({"11502-2", "INCONNU-2"}), "ZZ": frozenset({"INCONNU-1"}), "10": frozenset()}
    assert matrix.unknown(readable) == ["ZZ", "INCONNU-1", "INCONNU-2"]
    assert matrix.unknown({"60": frozenset({"11502-2"})}) == []


def test_what_changes_is_told_by_profession():
    old = {"10": frozenset({"a", "b"}), "21": frozenset({"a"}), "60": frozenset({"c"})}
    new = {"10": frozenset({"b", "d", "c"}), "21": frozenset({"a"}), "99": frozenset({"e"})}
    assert list(matrix.differences(old, new)) == [
        ("10", ["c", "d"], ["a"]), ("60", [], ["c"]), ("99", ["e"], []),
    ]  # fmt: skip


def test_a_file_that_is_not_text_is_refused(file, code_tables):
    with pytest.raises(CommandError, match="UTF-8"):
        load(file(NURSE_READS + "60,11,é,1\n", "latin-1"))


def test_a_version_decides_from_its_first_day_on_without_anybody_doing_anything(file, nurse, dossier, time_machine):
    before = reads(nurse, dossier)
    day = timezone.localdate() + dt.timedelta(days=30)
    load(file(NURSE_READS), day=day)
    assert reads(nurse, dossier) == before
    midnight = dt.datetime.combine(day, dt.time.min).astimezone(dt.UTC)
    time_machine.move_to(midnight + dt.timedelta(hours=1), tick=False)
    assert reads(nurse, dossier) == {"11502-2"}


def test_a_version_says_nothing_of_the_past(file, code_tables):
    with pytest.raises(CommandError, match="passé"):
        load(file(NURSE_READS), day=dt.date(2020, 1, 1))


def test_a_version_that_decided_already_is_not_rewritten(file, code_tables):
    load(file(NURSE_READS))
    with pytest.raises(CommandError, match="autre nom"):
        load(file(NURSE_READS))


def test_checking_tells_what_would_change_and_changes_nothing(file, code_tables):
    before = list(MatrixVersion.objects.values())
    told = load(file(OFFICIAL + "60,11,11502-2,1\n60,11,INCONNU-1,1\n"), apply=False)
    assert "60 : +1 -" in told
    assert "    + INCONNU-1" in told
    assert "sans effet" in told
    assert list(MatrixVersion.objects.values()) == before


def test_a_file_that_is_read_once_gives_its_digest_all_the_same(code_tables):
    reader, writer = os.pipe()
    with open(writer, "wb") as pipe:
        pipe.write(NURSE_READS.encode())
    load(f"/dev/fd/{reader}")
    os.close(reader)
    assert MatrixVersion.objects.get(name="arrêté").digest == sha256(NURSE_READS.encode()).hexdigest()


def test_a_version_has_a_history_with_its_author_its_reason_and_the_digest_of_its_file(file, code_tables, odile):
    day = timezone.localdate() + dt.timedelta(days=30)
    load(file(NURSE_READS), day=day)
    more = NURSE_READS + "60,31,18748-4,1\n"
    load(file(more), day=day, by=odile.email, reason="erratum")
    load(file(more), day=day, by=odile.email, reason="encore")  # says nothing new
    history = MatrixVersion.objects.get(name="arrêté").history.order_by("history_date")
    kept = history.values_list("history_user_id", "history_change_reason", "digest")
    assert list(kept) == [
        ("system:load_matrix", UNATTENDED, sha256(NURSE_READS.encode()).hexdigest()),
        (f"operator:{odile.pk}", "erratum", sha256(more.encode()).hexdigest()),
    ]


# -- the page ------------------------------------------------------------------------------------------
def test_anybody_reads_the_matrix_by_profession(client, code_tables, file):
    load(file(NURSE_READS))
    page = client.get("/matrice/", {"profession": "60"}).content.decode()
    assert "arrêté" in page
    assert page.count("<strong>Oui</strong>") == 1
    assert "Brouillon" not in page


def test_a_draft_is_said_to_be_one(client, code_tables):
    assert "Ce n'est pas la matrice officielle" in client.get("/matrice/").content.decode().replace("&#x27;", "'")


def test_the_version_to_come_is_announced(client, code_tables, file):
    load(file(NURSE_READS), name="de demain", day=timezone.localdate() + dt.timedelta(days=2))
    assert "de demain" in client.get("/matrice/").content.decode()


@pytest.mark.parametrize("profession", ["", "zz", "<script>"])
def test_a_profession_that_is_not_in_the_matrix_shows_none(client, code_tables, profession):
    answer = client.get("/matrice/", {"profession": profession})
    assert answer.status_code == 200
    assert b"<table" not in answer.content


def test_without_a_matrix_the_page_says_that_nobody_reads(client, db):
    assert "Aucune matrice" in client.get("/matrice/").content.decode()


def test_a_file_that_is_not_there_is_said_without_a_traceback(tmp_path):
    with pytest.raises(CommandError, match="Rien n'a été chargé"):
        call_command("load_matrix", str(tmp_path / "absent.csv"), "--name", "essai", "--source", "essai")
