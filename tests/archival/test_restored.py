"""A backup, a destruction, then that backup restored on a new machine as docs/operations.md says: what was destroyed
since is not served for an instant, and its contents do not open, whatever is tried."""

import json
import shutil

import pytest

from tests.test_run import ROOT_ONLY, command, state  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.slow, ROOT_ONLY]

MADE = """
import datetime as dt, json, uuid
from django.db import connection
from django.utils import timezone
from access.gate import Caller
from access.models import Representation, User
from audit.trail import SYSTEM, ActorKind
from documents import own
from documents.models import Document
from patients import dossiers
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, IdentityIndex, InsuredPerson
known = IdentityIndex.objects.values("lookup")
made = []
connection.cursor().execute("SET dmp.any_clock = 'on'")  # closed eleven years ago
for person in InsuredPerson.objects.exclude(pk__in=known).order_by("pk")[:2]:
    dossier = dossiers.open_for(person, agreement=Agreement("holder", "x", Channel.WEB), by=SYSTEM)
    user = User.objects.create_user(f"{uuid.uuid4().hex}@example.org", None)
    Representation.objects.create(dossier=dossier, user=user, role="holder", evidence="x", recorded_by="test")
    own.deposit(Caller(user, user.actor(ActorKind.HOLDER, means="test")), dossier.pk, content=b"quetsche-noire",
        media_type="text/plain", title="Lettre", type_code="EXPPAT_2", sending=uuid.uuid4())
    closed = timezone.now() - dt.timedelta(days=4100)
    Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=closed, closure="DEMANDE_TITULAIRE")
    made.append([dossier.pk.hex, Document.objects.get(dossier_id=dossier.pk).pk.hex])
print(json.dumps(made))
"""
FATE = """
import json, uuid
from archival import remains
from documents import contents, keys, vault
from patients.models import Dossier
def opens(dossier_id, name):
    try:
        with contents.store().open(name) as file:
            return b"".join(vault.unseal(keys.of(dossier_id), name, file)).decode()
    except vault.Unreadable:
        return None
print(json.dumps([[Dossier.objects.filter(pk=one).exists(), sum(remains.rows_of(uuid.UUID(one)).values()),
    remains.has_key(uuid.UUID(one)), opens(uuid.UUID(one), uuid.UUID(name))] for one, name in MADE]))
"""
GONE = [False, 0, False, None]


def test_a_dossier_destroyed_since_the_backup_is_gone_again_before_anything_is_served(command, state):  # noqa: F811
    def done(*words, **settings):
        answer = command(*words, timeout=400, **settings)
        assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
        return answer.stdout

    def fate(**settings):
        script = FATE.replace("MADE", repr(made))
        return json.loads(done("bin/manage", "shell", "-c", script, **settings).splitlines()[-1])

    away = state / "away"  # where backups go
    data, keys, secrets, journal = away / "data", away / "keys", away / "env", away / "journal"
    done("bin/run", "--detach")
    made = json.loads(done("bin/manage", "shell", "-c", MADE).splitlines()[-1])
    away.mkdir()
    away.chmod(0o777)  # the account of the service writes there
    done("bin/manage", "backup", data, keys)
    assert fate() == [[True, fate()[0][1], True, "quetsche-noire"]] * 2
    # One of the two is destroyed since; the other, which may be so too, is not yet.
    done("bin/manage", "purge", "--apply", "--limit", "1")
    (gone,) = [number for number, found in enumerate(fate()) if found == GONE]
    done("bin/stop")
    shutil.copy(state / "env", secrets)
    shutil.copy(state / "tombstones" / "journal", journal)
    assert b"quetsche" not in journal.read_bytes() and made[gone][0] not in journal.read_text()

    new = state / "new"  # another machine
    elsewhere = {"DMP_STATE": str(new), "DMP_RUN": f"{state}-run2"}
    assert "JOURNAL" in command("bin/restore", data, keys, secrets, **elsewhere).stderr
    new.mkdir()
    (new / "restoring").touch()  # as one that was killed on its way left it
    refused = command("bin/run", "--detach", **elsewhere)
    assert refused.returncode == 1 and "relancez bin/restore" in refused.stderr
    done("bin/restore", data, keys, secrets, journal, **elsewhere)
    again = command("bin/restore", data, keys, secrets, journal, **elsewhere)
    assert again.returncode == 1 and "déjà une instance" in again.stderr
    try:
        done("bin/run", "--detach", **elsewhere)
        after = fate(**elsewhere)
        assert after[gone] == GONE and after[1 - gone][3] == "quetsche-noire"
        health = command("bin/manage", "health", **elsewhere).stdout
        assert "bien  destructions" in health, health
        assert "aucune altérée, aucun trou" in done("bin/manage", "trail", **elsewhere)
        # And where somebody only restores the database under a running instance, it is said, and goes at the start.
        forget = "from archival.models import Tombstone; Tombstone.objects.all().delete()"
        done("bin/manage", "shell", "-c", forget, **elsewhere)
        assert "destructions que cette base a oubliées" in command("bin/manage", "health", **elsewhere).stdout
        done("bin/stop", **elsewhere)
        done("bin/run", "--detach", **elsewhere)
        assert "bien  destructions" in command("bin/manage", "health", **elsewhere).stdout
    finally:
        command("bin/stop", **elsewhere)
