"""The project reads itself: imports, guarded addresses, templates, locks, data with their digests."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[1]
OWN = ("access", "archival", "audit", "bin", "dmp", "documents", "fhir", "patients", "static", "templates", "tests")

# Addresses that answer without a signed-in person, each with its reason.
PUBLIC = {
    "healthz": "says that the process lives",
    "metrics": "404 without the token of the supervision",
    "accessibilite/": "declaration",
    "aide/": "help",
    "certificats/": "what remains of a destroyed dossier, for who has its reference",
    "matrice/": "what each profession reads: names nobody",
    "statistiques/": "figures by twenties: open data",
    "statistiques.": "the same, as CSV and JSON",
    "mentions-legales/": "rights",
    "fhir/metadata": "FHIR: no sign-in",
    "api/schema": "description of the interface",
    "api/docs": "description of the interface",
    "ouvrir/": "opening a dossier, before any account",
    "invitation/": "whoever is invited, with the key of the mail; the code was told by voice",
    "profil/adresse/annuler/": "the former address of an account, with the token it was sent",
    "pro/connexion/": "sign-in with Pro Santé Connect",
    "pro/retour/": "what Pro Santé Connect answers: state, nonce and signature are checked",
    "pro/fin-de-session/": "the issuer's own signed word",
    "compte/": "sign-in itself (allauth guards its own pages)",
}


def addresses(patterns, prefix=""):
    for one in patterns:
        path = prefix + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, path)
        elif isinstance(one, URLPattern):
            yield path


def portal():
    return sorted(set(addresses(get_resolver("dmp.urls").url_patterns)))


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path in portal() if not path.startswith(tuple(PUBLIC))])
def test_every_address_asks_who_is_there(client, path):
    """A page sends to the sign-in, an interface answers 401: nobody is let in by omission."""
    filled = re.sub(r"<uuid:[^>]*>", "01a20854-3d9e-7a5c-8459-435ecdc7c74a", path)
    filled = re.sub(r"<(slug|str):[^>]*>", "x", filled)
    if path == "":
        return  # the landing page says the same to everybody: tests of pages
    for method in ("get", "post"):
        answer = getattr(client, method)("/" + filled)
        interface = filled.startswith(("fhir", "api/"))
        assert answer.status_code == 401 if interface else answer.status_code in (302, 403), (method, filled)
        if answer.status_code == 302:
            assert "/compte/" in answer["Location"]


def test_every_template_is_used():
    sources = [path.read_text() for folder in OWN for path in (ROOT / folder).rglob("*.py")]
    sources += [path.read_text() for path in (ROOT / "templates").rglob("*.*")]
    everything = "\n".join(sources)
    names = {str(path.relative_to(ROOT / "templates")) for path in (ROOT / "templates").rglob("*.*")}
    by_convention = (
        "allauth/",
        "account/",
        "mfa/",
        "400",
        "403",
        "404",
        "405",
        "500",
        "503",
        "admin/",
        "simple_history/",
        "unfold/",
    )
    unused = {name for name in names if not name.startswith(by_convention) and name not in everything}
    assert unused == set()


def test_imports_run_one_way():
    tool = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([tool], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_locks_name_no_address_and_every_package_has_its_digest():
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text()
        assert "://" not in text
        packages = re.findall(r"^[a-z0-9][^ ]*==[^ ]* \\\n    --hash=sha256:", text, re.M)
        assert len(packages) == len(re.findall(r"^[a-z0-9][^ ]*==", text, re.M)) > 50


def test_vendored_files_are_the_ones_written_down():
    for entry in json.loads((ROOT / "static/vendor/MANIFEST.json").read_text()):
        content = (ROOT / "static/vendor" / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["file"]


def test_data_files_are_the_ones_written_down():
    for manifest in ROOT.glob("*/data/tables.json"):
        described = json.loads(manifest.read_text())
        written = {entry["file"]: entry["sha256"] for entry in (*described["tables"], *described["files"])}
        files = [path for path in manifest.parent.iterdir() if path.name not in ("tables.json", "README.md")]
        assert written == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_draft_matrix_files_each_type_under_its_class():
    import csv

    classes = {row["code"]: row["class_code"] for row in csv.DictReader((ROOT / "documents/data/types.csv").open())}
    for row in csv.DictReader((ROOT / "access/data/matrix_draft.csv").open()):
        assert row["category"] == classes[row["type"]], row


def test_the_draft_matrix_agrees_with_the_cells_that_were_published():
    """Everything else in it is inference, and says so."""
    import csv

    rows = list(csv.DictReader((ROOT / "access/data/matrix_draft.csv").open()))
    read = {(row["profession"], row["type"]): row["consultation"] == "1" for row in rows}
    types = {row["type"] for row in rows}
    for cell in json.loads((ROOT / "access/data/verified_matrix_cells.json").read_text())["cells"]:
        wanted = types if cell["type"] == "*" else cell["type"]
        for code in wanted:
            expected = cell["read"] and code not in cell.get("except", [])
            assert read[cell["profession"], code] == expected, (cell["profession"], code)


def test_nothing_names_this_machine_or_an_index_of_packages():
    forbidden = re.compile(
        r"/wo" r"rk/|/fa" r"rm/|py" r"pi\.org|python" r"hosted|npm" r"js\.org|deb\.deb" r"ian\.org"
    )
    found = [
        str(path)
        for folder in (*OWN, "docs")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".py", ".md", ".html", ".txt", ".sh", ".css", ".json"}
        if forbidden.search(path.read_text(errors="ignore"))
    ]
    assert found == []


def decisions():
    """The rows of docs/decisions.md: number, file, settings."""
    rows = [
        line.split("|") for line in (ROOT / "docs/decisions.md").read_text().splitlines() if line.startswith("| D")
    ]
    return [(row[1].strip(), row[3].strip(), re.findall(r"DMP_\w+", row[4])) for row in rows]


def test_each_of_the_twenty_decisions_has_its_row():
    assert [number for number, _, _ in decisions()] == [f"D{number}" for number in range(1, 21)]


@pytest.mark.parametrize(("number", "file", "variables"), decisions())
def test_a_decision_is_quoted_where_it_is_applied_and_its_setting_is_explained(number, file, variables):
    assert re.search(rf"\b{number}\b", (ROOT / file).read_text()), f"{file} does not quote {number}"
    explained, read = (ROOT / ".env.example").read_text(), (ROOT / "dmp/settings.py").read_text()
    for variable in variables:
        assert f"\n#{variable}=" in explained
        assert f'"{variable}"' in read
        assert re.search(rf"\n# {number}\b[^\n]*\n(#[^\n]*\n)*#{variable}=", explained), f"{number} is not said there"


def test_every_variable_of_the_settings_is_explained():
    read = set(re.findall(r'"(DMP_[A-Z0-9_]+)"', (ROOT / "dmp/settings.py").read_text()))
    explained = set(re.findall(r"\b(DMP_[A-Z0-9_]+)\b", (ROOT / ".env.example").read_text()))
    assert read - explained == {"DMP_TEST_DATABASE"}  # the tests' own
