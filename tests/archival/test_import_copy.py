"""`manage.py import_copy`: a copy becomes a dossier that says and holds the same; a file that lies becomes none."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from archival import sealing
from audit.models import Trace
from documents import contents, keys
from documents.models import DataKey, Document
from patients.models import Dossier, IdentityIndex, Patient
from tests.archival import laid

pytestmark = pytest.mark.django_db
CONSENT = "formulaire signé n° 12"


@pytest.fixture
def dossier(code_tables, odile):
    made = laid.dossier(shows_masked_in_emergency=True)
    lot = laid.lot(made)
    first = laid.lay(made, "antoine/biologie-20241203.xml", type_code="11502-2", title="Première", state="superseded")
    laid.lay(made, "antoine/biologie-20251218.xml", type_code="11502-2", title="Version", replaces=first, version=3)
    laid.lay(made, title="Masquée", masked=True, submission_set=lot, event_codes=["A", "B"], description="Été")
    return made


def copy_of(dossier: Dossier, folder: Path, kind: str = "digital") -> Path:
    path = folder / f"copie-{kind}"
    path.write_bytes(laid.given(laid.made(laid.ask(dossier, kind))))
    return path


def elsewhere(dossier: Dossier) -> None:
    """As if on another instance: this one knows neither the identity nor the contents, and has other keys."""
    IdentityIndex.objects.filter(dossier_id=dossier.pk).delete()
    for row in Document.objects.filter(dossier=dossier):
        contents.store().delete(row.pk)
    DataKey.objects.all().delete()
    keys.master_keys.cache_clear()


def imported(path: Path, apply: bool = True) -> str:
    said = io.StringIO()
    by = "odile@exploitant.example.org" if apply else ""
    call_command("import_copy", path, apply=apply, consent=CONSENT if apply else "", by=by, stdout=said)
    return said.getvalue()


def test_a_round_trip_gives_the_same_digest_and_the_same_bytes(dossier, tmp_path):
    path = copy_of(dossier, tmp_path)
    before = laid.unzipped(path.read_bytes())
    elsewhere(dossier)
    assert "Rien d'écrit" in imported(path, apply=False) and Dossier.objects.count() == 1
    assert "3 documents" in imported(path)
    taken = Dossier.objects.exclude(pk=dossier.pk).get()
    assert taken.shows_masked_in_emergency and Patient.objects.get(dossier=taken).email == "antoine@example.org"
    after = laid.unzipped(laid.given(laid.made(laid.ask(taken))))
    assert laid.manifest(after)["canonical_digest"] == laid.manifest(before)["canonical_digest"]
    originals = {hashlib.sha256(text).digest() for name, text in before.items() if name.startswith("documents/")}
    assert {
        hashlib.sha256(text).digest() for name, text in after.items() if name.startswith("documents/")
    } == originals
    version = Document.objects.get(dossier=taken, title="Version")
    assert version.replaces.title == "Première" and version.results.filter(dossier_id=taken.pk).count() > 5
    assert taken.pk.hex in version.fhir and dossier.pk.hex not in version.fhir
    trace = Trace.objects.get(dossier_id=taken.pk, event="copy_imported")
    assert (trace.detail["documents"], trace.actor_name) == (3, "Odile Fournier")
    with pytest.raises(CommandError, match="déjà un dossier"):
        imported(path)


def test_the_encrypted_file_is_taken_too(dossier, tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "ITERATIONS", 1000)
    path = copy_of(dossier, tmp_path)
    path.write_bytes(b"".join(sealing.html([path.read_bytes()], "une phrase assez longue", "Copie")))
    elsewhere(dossier)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "une autre phrase longue")
    with pytest.raises(CommandError, match="n'ouvre pas"):
        imported(path)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "une phrase assez longue")
    assert "3 documents" in imported(path)


def test_no_consent_no_dossier(dossier, tmp_path):
    with pytest.raises(CommandError, match="consentement"):
        call_command("import_copy", copy_of(dossier, tmp_path), apply=True)


def changed(path: Path, said: dict | None = None, **files: bytes) -> Path:
    """The same archive with other files; `said` changes dossier.json, its digests made right again."""
    before = laid.unzipped(path.read_bytes())
    manifest = json.loads(before["manifest.json"])
    if said is not None:
        body = json.loads(before["dossier.json"])
        body["documents"][0] |= said
        text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        files |= {"dossier.json": text}
        manifest["canonical_digest"] = hashlib.sha256(text).hexdigest()
        entry = next(one for one in manifest["files"] if one["path"] == "dossier.json")
        entry |= {"size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (before | files).items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    "said",
    [
        {"title": "x" * 400},
        {"size": 10**9},
        {"type_code": "inconnu"},
        {"media_type": "application/pdf"},
        {"created": "hier"},
        {"state": "nouveau"},
        {"sha256": "00" * 32},
        {"masked": "peut-être"},
        {"unique_id": "urn:uuid:autre"},
        {"masked": True, "withheld": True, "visible_from": "2027-01-01T00:00:00+00:00"},
        {"results": [{}]},
        {"event_codes": "A"},
    ],
)
def test_a_copy_that_lies_becomes_nothing(dossier, tmp_path, said):
    """Its digests are right: whoever can write a copy can make them so."""
    path = changed(copy_of(dossier, tmp_path), said)
    elsewhere(dossier)
    kept = set(contents.store().names())
    with pytest.raises(CommandError) as refused:
        imported(path)
    assert "Traceback" not in str(refused.value) and Dossier.objects.count() == 1
    assert set(contents.store().names()) == kept


def test_a_copy_that_was_touched_becomes_nothing(dossier, tmp_path):
    path = copy_of(dossier, tmp_path)
    content = path.read_bytes()
    elsewhere(dossier)
    for broken in (content[:-40], b"PK nothing", b"", content.replace(b"PK\3\4", b"PK\3\5", 1)):
        path.write_bytes(broken)
        with pytest.raises(CommandError):
            imported(path)
    path.write_bytes(content)
    name = next(name for name in laid.unzipped(content) if name.startswith("documents/"))
    with pytest.raises(CommandError, match="empreinte"):
        imported(changed(path, **{name: b"autre chose"}))
    path.write_bytes(content)
    with pytest.raises(CommandError):
        imported(changed(path, **{"manifest.json": b"[" * 100_000}))
    assert Dossier.objects.count() == 1
