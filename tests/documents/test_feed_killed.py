"""The command of the insurer's files, killed for real, three times, then run to its end: each line once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from audit import proofs
from documents.care_lines import CareLine, FeedRun
from documents.demo import care_lines
from patients.ins import OID_TEST
from tests import factories as make

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
PEOPLE, EACH = 40, 5000


def command(path):
    """The same database as the test's, in a process of its own."""
    urls = {}
    for alias, name in (("default", "DMP_DATABASE_URL"), ("keys", "DMP_KEYS_DATABASE_URL")):
        known = connections[alias].settings_dict
        urls[name] = f"postgresql://{known['USER']}@/{known['NAME']}?host={known['HOST']}"
    return {
        "args": [sys.executable, "manage.py", "feed_reimbursements", str(path), "--apply"],
        "cwd": ROOT,
        "env": {name: value for name, value in os.environ.items() if name != "DMP_TEST_DATABASE"} | urls,
    }


def test_killed_three_times_each_line_is_in_once(code_tables, tmp_path):
    path, draw = tmp_path / "lines.csv", random.Random(1)
    today = timezone.localdate()
    numbers = [make.nir(f"19702359{place:05d}") for place in range(PEOPLE)]
    for number in numbers:
        make.DossierFactory(thirteen=number[:13])
    with path.open("w") as file:
        file.write(care_lines.header() + "\n")
        for number in numbers:
            lines = care_lines.of_person(number, OID_TEST, EACH, today, draw, months=20)
            file.writelines(f"{line}\n" for line in lines)
    kills = []
    for part in (1, 2, 3):
        with subprocess.Popen(**command(path), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                run = FeedRun.objects.first()
                if run is not None and run.lines >= PEOPLE * EACH * part // 5:
                    process.send_signal(signal.SIGKILL)
                time.sleep(0.01)
        kills.append(process.returncode)
    done = subprocess.run(**command(path), check=True, capture_output=True, text=True)
    run = FeedRun.objects.get()
    assert kills == [-signal.SIGKILL] * 3
    assert f"{PEOPLE * EACH} lignes lues" in done.stdout
    assert (run.lines, run.added, run.same, run.rejected) == (PEOPLE * EACH, PEOPLE * EACH, 0, 0)
    assert CareLine.objects.count() == PEOPLE * EACH
    assert proofs.verify().whole
