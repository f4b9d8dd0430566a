"""Registers are loaded set-based, again and again, and the number of a person reaches no table."""

import io
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from access import registers as registers_of_access
from access.management.commands import load_insured, load_professionals
from access.models import Professional, Situation, Structure
from patients import registers
from patients.ins import OID_TEST, Ins
from patients.models import Caisse, InsuredPerson, Regime, RegisterLoad
from tests.progress import shown_by

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
INSURED = ROOT / "patients/demo/insured.csv"
DIRECTORY = ROOT / "access/demo/professionals.txt"


def load(command, path, **options):
    said, complained = io.StringIO(), io.StringIO()
    call_command(command, path, apply=True, stdout=said, stderr=complained, **options)
    return said.getvalue(), complained.getvalue()


def test_the_demonstration_s_register_loads_and_loads_again():
    registers.load_funds()
    first, _ = load("load_insured", INSURED)
    again, _ = load("load_insured", INSURED)
    assert "10 assurés ajoutés" in first
    assert "0 assurés ajoutés, 0 modifiés, 10 inchangés" in again
    person = InsuredPerson.objects.get(pk=Ins("197023599000284", OID_TEST).lookup)
    assert (person.birth_family, person.ins.matricule) == ("MARCHAND", "197023599000284")


def test_the_number_stands_in_clear_in_no_column():
    registers.load_funds()
    load("load_insured", INSURED)
    with connection.cursor() as cursor:
        cursor.execute("SELECT known::text FROM patients_insuredperson known")
        rows = " ".join(row for (row,) in cursor.fetchall())
    assert "197023599000284" not in rows
    assert b"197023599000284".hex() not in rows


def test_a_bad_line_is_told_by_its_number_and_the_others_go_in(tmp_path):
    registers.load_funds()
    lines = INSURED.read_text().splitlines()
    lines[1] = lines[1].replace(",84,", ",85,", 1)  # a key that is wrong
    lines[2] = lines[2].replace("2011-05-21", "2011-02-30")
    path = tmp_path / "insured.csv"
    path.write_text("\n".join(lines) + "\n")
    said, complained = load("load_insured", path)
    assert "8 assurés ajoutés" in said
    assert "2 refusées" in said
    assert "Ligne 2" in complained
    assert "Ligne 3" in complained
    assert "197023599000" not in said + complained


def test_a_file_of_which_no_line_can_be_taken_is_a_failure_and_says_so(tmp_path):
    registers.load_funds()
    header, line = INSURED.read_text().splitlines()[:2]
    path = tmp_path / "insured.csv"
    path.write_text(f"{header}\n{line[:30]}\n")
    with pytest.raises(CommandError, match="Aucune des 1 lignes"):
        load("load_insured", path)
    assert not InsuredPerson.objects.exists()


def test_a_file_without_its_columns_loads_nothing(tmp_path):
    registers.load_funds()
    path = tmp_path / "wrong.csv"
    path.write_text("nom,prenom\nx,y\n")
    with pytest.raises(CommandError, match="Rien n'a été chargé"):
        load("load_insured", path)
    assert not InsuredPerson.objects.exists()


def test_the_directory_gives_professionals_structures_and_situations_once():
    for _ in range(2):
        load("load_professionals", DIRECTORY)
    assert (Professional.objects.count(), Structure.objects.count(), Situation.objects.count()) == (9, 10, 10)
    morel = Professional.objects.get(idnat="881000000018")
    assert (morel.rpps, morel.profession, morel.situations.count()) == ("81000000018", "10", 2)


def test_an_empty_directory_loads_nothing(tmp_path):
    path = tmp_path / "empty.txt"
    path.write_text("")
    with pytest.raises(CommandError, match="Colonnes absentes"):
        load("load_professionals", path)


def test_a_structure_is_named_by_its_finess_else_its_siret_else_its_own_number(tmp_path):
    lines = DIRECTORY.read_text().splitlines()
    names = lines[0].split("|")
    row = lines[1].split("|")
    for number, cells in enumerate(
        [("690000001", "11111111111111", "T1"), ("", "22222222222222", "T2"), ("", "", "T3")]
    ):
        for name, value in zip(("finess", "siret", "technical"), cells, strict=True):
            row[names.index(registers_of_access.COLUMNS[name])] = value
        lines[number + 1] = "|".join(row)
    path = tmp_path / "directory.txt"
    path.write_text("\n".join(lines[:4]) + "\n")
    said, _ = load("load_professionals", path)
    assert set(Structure.objects.values_list("identifier", flat=True)) == {"1690000001", "322222222222222", "T3"}
    assert said.strip() == (
        "3 lignes lues : professionnels 1 ajoutés, 0 modifiés, 0 retirés ; structures 3 ajoutées, 0 modifiées ; "
        "situations 3 ajoutées, 0 retirées ; 0 lignes refusées."
    )
    structure = registers_of_access.COLUMNS["structure_name"]
    lines[1:3] = [_named(line, names, structure, f"Nouveau nom {line[-9:]}") for line in lines[1:3]]
    given = registers_of_access.COLUMNS["given"]
    lines[1:3] = [_named(line, names, given, "Zoé") for line in lines[1:3]]
    path.write_text("\n".join([*lines[:3], "trop|court"]) + "\n")
    said, complained = load("load_professionals", path)
    assert said.strip() == (
        "3 lignes lues : professionnels 0 ajoutés, 1 modifiés, 0 retirés ; structures 0 ajoutées, 2 modifiées ; "
        "situations 0 ajoutées, 1 retirées ; 1 lignes refusées."
    )
    assert "Ligne 4 " in complained


def test_a_line_of_the_directory_ends_where_it_ends(tmp_path):
    """A carriage return inside a cell, as word processors leave: the extraction quotes nothing."""
    lines = DIRECTORY.read_text().splitlines()
    name = registers_of_access.COLUMNS["structure_name"]
    path = tmp_path / "directory.txt"
    path.write_bytes("\r\n".join([lines[0], _named(lines[1], lines[0].split("|"), name, "A\rB"), ""]).encode())
    said, complained = load("load_professionals", path)
    assert (said.partition(" lignes lues")[0], complained) == ("1", "")


def _named(line, names, column, value):
    row = line.split("|")
    row[names.index(column)] = value
    return "|".join(row)


def test_who_is_no_longer_in_a_full_directory_is_no_longer_in_practice(tmp_path):
    load("load_professionals", DIRECTORY)
    path = tmp_path / "full.txt"
    path.write_text("\n".join(DIRECTORY.read_text().splitlines()[:-1]) + "\n")
    call_command("load_professionals", path, apply=True, full=True, at_most=50, stdout=io.StringIO())
    assert list(Professional.objects.filter(active=False).values_list("family", flat=True)) == ["SERRE"]


def test_a_directory_without_its_columns_loads_nothing(tmp_path):
    path = tmp_path / "wrong.txt"
    path.write_text("nom|prenom|\nx|y|\n")
    with pytest.raises(CommandError, match=r"Colonnes absentes de l'en-tête : .*Nom d'exercice"):
        load("load_professionals", path)


def test_each_bad_row_of_the_directory_is_told_with_its_reason(tmp_path):
    lines = DIRECTORY.read_text().splitlines()
    names = lines[0].split("|")

    def changed(line, **cells):
        row = line.split("|")
        for name, value in cells.items():
            row[names.index(registers_of_access.COLUMNS[name])] = value
        return "|".join(row)

    lines[1] = "trop|court"
    lines[2] = changed(lines[2], idnat="?")
    lines[3] = changed(lines[3], family="")
    lines[4] = changed(lines[4], profession="x" * 100)
    path = tmp_path / "directory.txt"
    path.write_text("\n".join(lines) + "\n")
    _, complained = load("load_professionals", path)
    for number, said in enumerate(("nombre de colonnes", "mal formée", "sont nécessaires", "dépasse"), 2):
        assert any(f"Ligne {number} " in line and said in line for line in complained.splitlines()), complained


def test_a_directory_of_bad_rows_only_fails(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text(DIRECTORY.read_text().splitlines()[0] + "\n" + "trop|court\n")
    with pytest.raises(CommandError, match="Aucune des 1 lignes"):
        load("load_professionals", path)


def test_a_full_directory_that_forgets_too_many_changes_nothing(tmp_path):
    load("load_professionals", DIRECTORY)
    path = tmp_path / "full.txt"
    path.write_text("\n".join(DIRECTORY.read_text().splitlines()[:4]) + "\n")
    with pytest.raises(CommandError, match="est-il complet"):
        call_command("load_professionals", path, apply=True, full=True, stdout=io.StringIO())
    assert not Professional.objects.filter(active=False).exists()


@pytest.mark.parametrize(
    ("command", "path", "last"), [(load_professionals, DIRECTORY, 10), (load_insured, INSURED, 11)]
)
def test_how_far_a_load_is_is_shown(monkeypatch, command, path, last):
    registers.load_funds()
    with shown_by(monkeypatch, command) as seen:
        load(command.__name__.rpartition(".")[2], path)
    assert seen == ["lignes", None, last]


def test_a_long_directory_shows_its_progress(tmp_path):
    lines = DIRECTORY.read_text().splitlines()
    seen = []
    registers_of_access.load_professionals(lines + lines[1:] * 500, progress=seen.append)
    assert len(seen) > 1


# -- what is kept of a load ------------------------------------------------------------------------------------
COUNTS = ("register", "read", "added", "changed", "ended", "refused")
BY_ODILE = {"by": "odile@exploitant.example.org", "reason": "fichier d'octobre"}


def test_each_load_leaves_one_row_with_its_file_its_counts_its_author_and_its_reason(tmp_path, odile):
    registers.load_funds()
    path = tmp_path / "insured.csv"
    path.write_text(INSURED.read_text().replace("MARCHAND", "MARCHANT") + "trop,court\n")
    load("load_insured", INSURED)
    load("load_insured", path, **BY_ODILE)
    last, first = RegisterLoad.objects.all()
    assert [getattr(first, name) for name in COUNTS] == ["insured", 10, 10, 0, 0, 0]
    assert [getattr(last, name) for name in COUNTS] == ["insured", 11, 0, 1, 0, 1]
    assert (first.by, last.by) == ("system:load_insured", f"operator:{odile.pk}")
    assert (first.reason, last.reason) == (
        "sans exploitant au clavier (installation, mise à jour)",
        BY_ODILE["reason"],
    )
    assert [one.digest for one in (first, last)] == [sha256(one.read_bytes()).hexdigest() for one in (INSURED, path)]


def test_the_load_of_a_directory_says_who_left_it(tmp_path):
    load("load_professionals", DIRECTORY)
    path = tmp_path / "full.txt"
    path.write_text("\n".join(DIRECTORY.read_text().splitlines()[:-1]) + "\n")
    load("load_professionals", path, full=True, at_most=50)
    last, first = RegisterLoad.objects.all()
    assert [getattr(first, name) for name in COUNTS] == ["professionals", 10, 29, 0, 0, 0]
    assert [getattr(last, name) for name in COUNTS] == ["professionals", 9, 0, 0, 1, 0]


def test_a_load_that_is_refused_or_tried_leaves_no_row(tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text("nom,prenom\nx,y\n")
    with pytest.raises(CommandError):
        load("load_insured", path)
    call_command("load_insured", INSURED, stdout=io.StringIO())
    assert not RegisterLoad.objects.exists() and not Caisse.history.exists()


def test_an_operator_who_signs_says_why(odile):
    with pytest.raises(CommandError, match="--reason"):
        load("load_insured", INSURED, by=odile.email)
    assert not RegisterLoad.objects.exists()


def test_a_reason_too_long_to_be_kept_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(CommandError, match="300 caractères"):
        load("load_insured", tmp_path / "absent.csv", reason="x" * 301)


def test_a_file_that_is_read_once_gives_its_digest_all_the_same(tmp_path):
    registers.load_funds()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(INSURED.read_bytes(),))
    writer.start()
    load("load_insured", pipe)
    writer.join()
    assert RegisterLoad.objects.get().digest == sha256(INSURED.read_bytes()).hexdigest()


def test_a_fund_that_is_loaded_has_a_history_with_its_author_and_reason(tmp_path, odile):
    registers.load_funds()
    (tmp_path / "caisses.csv").write_text("code,name,department\n691,CPAM de Lyon,69\n999,Nouvelle,99\n")
    load("load_insured", INSURED, caisses=tmp_path / "caisses.csv", **BY_ODILE)
    kept = Caisse.history.filter(history_user_id=f"operator:{odile.pk}")
    assert set(kept.values_list("code", "name", "history_type", "history_change_reason")) == {
        ("691", "CPAM de Lyon", "~", BY_ODILE["reason"]),
        ("999", "Nouvelle", "+", BY_ODILE["reason"]),
    }
    assert Regime.history.count() == Regime.objects.count()  # not read again, not written again
