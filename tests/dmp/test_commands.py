"""Every command of the product: what it changes waits for --apply, or the reason why it does not stands here."""

import importlib
import io
import pkgutil
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import OutputWrapper
from django.db import connections

from tests import factories as make

APPS = ("access", "archival", "audit", "dmp", "documents")
SIGNED = ["--by", "odile@exploitant.example.org", "--reason", "essai"]
# Words with which each is called, without --apply.
DRY = {
    "access_code": lambda ground: ["odile@exploitant.example.org", *SIGNED],
    "close_dossier": None,  # asks for the number of a person: tests/archival/test_operators_lifecycle.py
    "database_roles": lambda ground: [],
    "clock": None,  # one operator avows the time, with a code: tests/archival
    "reopen_dossier": None,  # asks for the number of a person: tests/archival
    "destroy_again": None,  # after a restoration: tests/archival
    "feed_reimbursements": lambda ground: [ground.file("a.csv", FEED)],
    "import_copy": None,  # needs a whole copy: tests/archival/test_import_copy.py
    "keys": lambda ground: ["rewrap"],
    "load_code_tables": lambda ground: [],
    "load_insured": lambda ground: [ground.root / "patients/demo/insured.csv"],
    "load_matrix": lambda ground: [ground.file("m.csv", MATRIX), "--name", "n", "--source", "s"],
    "load_professionals": lambda ground: [ground.root / "access/demo/professionals.txt"],
    "partitions": lambda ground: ["--months", "40"],
    "pilot_rules": lambda ground: ["on", *SIGNED],
    "purge": lambda ground: [],
    "requests_due": lambda ground: ["--remind"],
    "staff": lambda ground: ["add", "x@example.org", "X", "Y", *SIGNED],
    "statistics": lambda ground: [],
    "sweep_orphans": lambda ground: [],
    "traces_of": lambda ground: [
        ground.doctor.rpps, ground.path / "t.csv", "--since", "2026-01-01", "--until", "2026-12-31", *SIGNED
    ],
}  # fmt: skip
READING = {"drill_check", "emergencies", "health", "trail", "verify_certificate"}
DEMONSTRATION = {"demo_cards", "demo_code", "demo_journey", "demo_load", "demo_ten_years", "demo_token"}
EXEMPT = {
    "backup": "writes the two empty folders that it is given, and nothing of the instance",
    "copies": "gives a copy with its number and a new file, each time traced; destroys what beat destroys anyway",
    "holds": "two operators, each with the code of an application at the prompt",
    "legal_copy": "the same",
}
FEED = """organisme;ligne;version;matricule;date_soins;date_paiement;nature;montant;rembourse
"""
MATRIX = """profession,category,type,consultation
10,11,11502-2,1
"""


def commands():
    for app in APPS:
        folder = importlib.import_module(f"{app}.management.commands").__path__
        yield from ((app, one.name) for one in pkgutil.iter_modules(folder))


def test_each_command_is_dry_or_says_why_not():
    names = {name for _, name in commands()}
    assert names - {*DRY, *READING, *DEMONSTRATION, *EXEMPT} == set()


@pytest.mark.parametrize("name", sorted({name for _, name in commands()} & set(DRY)))
def test_what_changes_something_knows_apply(name):
    (app,) = [app for app, one in commands() if one == name]
    command = load_command_class(app, name)
    words = _options(command.create_parser("manage.py", name))
    assert "--apply" in words


def _options(parser):
    """Of the parser and of those of its acts."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        for below in (action.choices or {}).values() if hasattr(action.choices, "values") else ():
            found |= _options(below)
    return found


@pytest.fixture
def ground(tmp_path, odile, code_tables):
    def file(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    make.DossierFactory()
    root = Path(__file__).resolve().parents[2]
    return SimpleNamespace(path=tmp_path, root=root, file=file, doctor=make.ProfessionalFactory())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", sorted({name for _, name in commands()} & {one for one, how in DRY.items() if how}))
def test_without_apply_no_row_is_changed_and_it_ends_on_one_sentence(name, ground, settings):
    settings.DEBUG = False
    words = [str(word) for word in DRY[name](ground)]
    before = written()
    out = io.StringIO()
    call_command(name, *words, stdout=OutputWrapper(out), stderr=io.StringIO())
    assert written() == before
    assert out.getvalue().strip().endswith("."), out.getvalue()
    assert "--apply" in out.getvalue().splitlines()[-1] or name == "requests_due"
    assert not (ground.path / "t.csv").exists()


def written():
    """Rows of every table of both databases, and what they were last changed by; the tables; the grants."""
    found = {}
    for alias in ("default", "keys"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT count(*), max(xmin::text::bigint) FROM "{table}"')
                found[alias, table] = cursor.fetchone()
            cursor.execute("SELECT relname, relacl::text FROM pg_class WHERE relkind IN ('r', 'p') ORDER BY 1")
            found[alias] = cursor.fetchall()
    return found


def test_a_command_that_is_refused_says_so_in_one_sentence(db, odile):
    with pytest.raises(CommandError, match="Dites pourquoi"):
        call_command("staff", "end", odile.email, "--reason", " ", "--by", odile.email)


# -- what is written down --------------------------------------------------------------------------------------
OPERATIONS = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()


def test_every_command_is_in_the_operators_page():
    told = set(re.findall(r"(?:`(?:bin/manage )?|bin/manage )([a-z_]+)", OPERATIONS))
    assert {name for _, name in commands()} - told == set()


def written_lines():
    """Each command line of the blocks; « … » stands for words that are left out."""
    blocks = re.findall(r"^```\n(.*?)^```", OPERATIONS, re.M | re.S)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("bin/manage ") for line in lines if line.startswith("bin/manage ") and "…" not in line]


@pytest.mark.parametrize("line", written_lines())
def test_what_is_written_is_what_the_command_accepts(line):
    name, *words = shlex.split(line)
    (app,) = [app for app, one in commands() if one == name]
    load_command_class(app, name).create_parser("manage.py", name).parse_args(words)
