"""A whole instance, started as an operator starts it: after a destruction, nothing of a dossier in any of its files.

The cluster's data after VACUUM and a checkpoint, its journal, both databases' dumps, the media, Redis, the mails that
wait, the logs: each read byte by byte for canaries in seven encodings; and before, to know that they are seen.
"""

import base64
import json
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.test_run import ROOT_ONLY, command, state  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.slow, ROOT_ONLY]
CANARIES = Path(__file__).with_name("canaries.py")
STEM, OTHERS = "Ézébulon", ("zebulon.quetsche@", "quetsche@example")


def forms(text):
    """As any store may write it: texts, JSON, hexadecimal, base64 whatever comes before."""
    raw = text.encode()
    shifted = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    plain = [raw, text.encode("utf-16-le"), text.encode("latin-1"), json.dumps(text)[1:-1].encode()]
    return [*plain, raw.hex().encode(), *shifted]


def names(told):
    """What the person is known by, each as any store may write it: the key of her dossier, her number."""
    key = uuid.UUID(told["dossier"])
    return {"dossier": [key.bytes, *forms(key.hex), *forms(str(key))], "number": forms(told["number"])}


def found(places, marks, known):
    """Which canaries stand in which files; those without their common stem in any form are passed over."""
    stems = [form for stem in (STEM, *OTHERS) for form in forms(stem)]
    seen = set()
    for place in places:
        for path in (one for one in place.rglob("*") if one.is_file()):
            content = path.read_bytes()
            seen |= {
                (name, str(path.relative_to(place)))
                for name, written in known.items()
                if any(form in content for form in written)
            }
            if any(stem in content for stem in stems):
                here = {mark for mark in marks if any(form in content for form in forms(mark))} or {"?"}
                seen |= {(mark, str(path.relative_to(place))) for mark in here}
    return seen


def test_no_byte_of_a_destroyed_dossier_is_left_in_an_instance(command, state, tmp_path):  # noqa: F811
    def done(*words):
        answer = command(*words, timeout=400)
        assert answer.returncode == 0, answer.stderr[-2000:]
        return answer.stdout

    def settled():
        """What PostgreSQL and Redis keep in memory, on the disk; and the pages that nothing fills any more, gone."""
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "psql", "-X", "-q"]
        for name in ("dmp", "dmp_keys"):
            for order in ("VACUUM FULL", "CHECKPOINT", "SELECT pg_switch_wal()", "CHECKPOINT"):
                where = ["-h", f"{state}-run/pg", "-d", name, "-c", order]
                subprocess.run([*as_postgres, *where], check=True, stdout=subprocess.DEVNULL, cwd="/")
        subprocess.run(["redis-cli", "-s", f"{state}-run/redis/redis.sock", "SAVE"], check=True, capture_output=True)
        with (tmp_path / "dump").open("wb") as dump:
            for name in ("dmp", "dmp_keys"):
                dumper = [*as_postgres[:4], "pg_dump", "-h", f"{state}-run/pg", name]
                subprocess.run(dumper, check=True, stdout=dump, cwd="/")

    done("bin/run", "--detach")
    told = json.loads(done("bin/manage", "shell", "-c", CANARIES.read_text()).splitlines()[-1])
    marks, sealed = set(told["marks"]), set(told["sealed"])
    assert len(marks) >= 40
    settled()
    seen = {mark for mark, _ in found([state, tmp_path], marks, names(told))}
    assert (
        len(seen) >= 40 and "dossier" in seen and not seen & sealed
    )  # they are seen where they are, and never a sealed content
    assert "1 dossiers détruits" in done("bin/manage", "purge", "--apply")
    done("bin/manage", "shell", "-c", "from archival import sweep; sweep.run()")  # as the night does
    settled()
    left = found([state, tmp_path], {*marks, *OTHERS}, names(told))
    done("bin/stop")
    assert sorted(left) == []
