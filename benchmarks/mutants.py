"""Whether the tests of access/ see a changed line: mutmut's mutants, a seeded sample, each against its tests.

mutmut makes the mutants and learns which tests enter each function. Then one pytest reads every test, makes the
databases and closes them (a connection does not survive a fork), and forks a child a mutant: a copy of the
databases, the hundred closest tests that enter the changed function, until one fails.

    python benchmarks/mutants.py prepare    some minutes; then the tests that are new only
    python benchmarks/mutants.py run [--sample 300] [--seed 3] [--only access.policy.]   1 under 95 %

In the environment of the tests (variables DMP_*). Ctrl-C ends a run with what it judged. Sentences for people
are counted apart: one that is reworded (in capitals, or between XX) is not an access given or refused.
"""

import argparse
import contextlib
import gc
import json
import os
import random
import re
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest
from _pytest.runner import runtestprotocol
from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test

PLACE = Path("mutants")
WANTED = 0.95
SECONDS = 300  # of a mutant: one that loops is seen
CLOSEST = 100  # tests: who enters a function among hundreds of others looks at something else
SURVIVED, KILLED, BROKEN = 0, 1, 2  # how its process ends
LITERAL = re.compile(r""""[^"]*"|'[^']*'""")


def prepare() -> None:
    """What `mutmut run` does before its first mutant."""
    set_mutant_under_test("mutant_generation")
    PLACE.mkdir(exist_ok=True)
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(1)
    mutmut.collect_or_load_stats(mutmut.get_mutant_runner(1))


def known() -> dict[str, Path]:
    """Each mutant with the file it changes."""
    found = {}
    for meta in sorted(PLACE.glob("access/**/*.meta")):
        source = meta.relative_to(PLACE).with_suffix("")
        found |= dict.fromkeys(json.loads(meta.read_text())["exit_code_by_key"], source)
    return found


# -- the tests of a mutant --------------------------------------------------------------------------------------


class Tests:
    """Every test that pytest read, and which functions each enters."""

    def __init__(self, items: list[pytest.Item]) -> None:
        self.entered = json.loads(Path("mutmut-stats.json").read_text())["tests_by_mangled_function_name"]
        self.width = Counter(test for tests in self.entered.values() for test in set(tests))
        self.items = {item.nodeid: item for item in items}

    def of(self, mutant: str) -> list[pytest.Item]:
        """First those that enter few other functions; after them those that empty the tables."""
        names = set(self.entered.get(re.sub(r"__mutmut_\d+$", "", mutant), []))
        found = [self.items[name] for name in sorted(names & self.items.keys())]
        closest = sorted(found, key=lambda item: self.width[item.nodeid])[:CLOSEST]
        return sorted(closest, key=empties)


def empties(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    asked = {"transactional_db", "live_server"} & set(item.fixturenames)
    return bool(asked or (marker and marker.kwargs.get("transaction")))


# -- a process a mutant -----------------------------------------------------------------------------------------


class Bench:
    """A plugin of pytest: it runs mutants where pytest would run tests."""

    def __init__(self, diffs: dict[str, str], jobs: int) -> None:
        self.diffs, self.jobs = diffs, jobs
        self.counts: Counter[str] = Counter()
        self.running: dict[int, tuple[str, int]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("some tests cannot be read")
        warm_up(session)
        with contextlib.suppress(KeyboardInterrupt):  # what was judged until then is a sample too
            self.judge(session, Tests(session.items))
        for pid in self.running:
            end_group(pid)
        return True

    def judge(self, session: pytest.Session, tests: Tests) -> None:
        waiting, free, running = list(self.diffs)[::-1], list(range(self.jobs)), self.running
        while waiting or running:
            while waiting and free:
                mutant, copy = waiting.pop(), free.pop()
                running[fork(session, mutant, tests.of(mutant), copy)] = mutant, copy
            pid, status = os.wait()
            end_group(pid)
            mutant, copy = running.pop(pid)
            free.append(copy)
            self.note(mutant, os.WEXITSTATUS(status) if os.WIFEXITED(status) else KILLED)  # else by its alarm

    def note(self, mutant: str, end: int) -> None:
        if end not in (SURVIVED, KILLED):
            raise RuntimeError(f"{mutant}: its process broke")
        diff = self.diffs[mutant]
        verdict = "killed" if end == KILLED else "reworded" if is_reworded(diff) else "survived"
        self.counts[verdict] += 1
        if verdict != "killed":
            print(f"{verdict}: {mutant}\n{diff}\n", flush=True)


def end_group(pid: int) -> None:
    """A mutant's process, and the servers that its tests started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def warm_up(session: pytest.Session) -> None:
    """The databases, and what else lasts a session."""
    from django.db import connections

    import access

    assert PLACE.name in Path(access.__file__).parts, "the code that is read is not the mutants'"
    candidates = [item for item in session.items if "code_tables" in item.fixturenames and not empties(item)]
    first = min(candidates, key=lambda item: len(item.fixturenames))  # and no server of its own
    reports = runtestprotocol(first, log=False, nextitem=session)
    assert all(report.passed for report in reports), [report.longreprtext for report in reports]
    connections.close_all()
    session.config.pluginmanager.unregister(name="terminalreporter")
    gc.freeze()


def fork(session: pytest.Session, mutant: str, tests: list[pytest.Item], copy: int) -> int:
    if pid := os.fork():
        return pid
    try:
        os.setsid()
        signal.alarm(SECONDS)
        set_mutant_under_test(mutant)
        copy_databases(copy)
        os._exit(KILLED if fails(session, tests) else SURVIVED)
    except BaseException:  # noqa: BLE001 (it never goes back into pytest)
        traceback.print_exc()
    os._exit(BROKEN)


def copy_databases(copy: int) -> None:
    """Whatever an earlier mutant left in a copy is gone."""
    from django.db import connections

    for connection in connections.all():
        name = connection.settings_dict["NAME"]
        own = f"{name}_{copy}"
        with psycopg.connect(**connection.get_connection_params() | {"dbname": "postgres"}, autocommit=True) as link:
            link.execute(f'DROP DATABASE IF EXISTS "{own}"')
            link.execute(f'CREATE DATABASE "{own}" TEMPLATE "{name}"')
        connection.settings_dict["NAME"] = own


def fails(session: pytest.Session, tests: list[pytest.Item]) -> bool:
    following: list[Any] = [*tests[1:], None]
    for test, nextitem in zip(tests, following, strict=False):
        test.config.hook.pytest_runtest_protocol(item=test, nextitem=nextitem)
        if session.testsfailed:
            return True
    return False


# -- what is counted --------------------------------------------------------------------------------------------


def is_reworded(diff: str) -> bool:
    """Nothing changed but the letters of a sentence: a literal with a blank in it."""
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    if len(lines) != 2:
        return False
    before, after = lines[0][1:], lines[1][1:]
    return (
        _without_sentences(before) == _without_sentences(after) and before.lower() == after.replace("XX", "").lower()
    )


def _without_sentences(line: str) -> str:
    return LITERAL.sub(lambda found: '""' if " " in found[0] else found[0], line)


def run(sample: int, seed: int, only: list[str], jobs: int) -> int:
    mutants = {name: file for name, file in known().items() if name.startswith(tuple(only))}
    chosen = sorted(mutants) if sample >= len(mutants) else random.Random(seed).sample(sorted(mutants), sample)
    bench = Bench({mutant: get_diff_for_mutant(mutant, path=mutants[mutant]) for mutant in chosen}, jobs)
    os.chdir(PLACE)
    sys.path.insert(0, os.getcwd())
    set_mutant_under_test("")
    if status := pytest.main([*config().pytest_add_cli_args_test_selection, *config().pytest_add_cli_args], [bench]):
        return int(status)
    judged = bench.counts["killed"] + bench.counts["survived"]
    rate = bench.counts["killed"] / judged if judged else 0.0
    said = f"{bench.counts.total()} of {len(mutants)} mutants, seed {seed}: {dict(bench.counts)}"
    print(f"{said}; {rate:.1%} killed, {WANTED:.0%} wanted")
    return int(rate < WANTED)


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("what", choices=["prepare", "run"])
    asked.add_argument("--sample", type=int, default=300)
    asked.add_argument("--seed", type=int, default=3)
    asked.add_argument("--only", action="append", default=[], help="access.policy. for the whole of a module")
    asked.add_argument("--jobs", type=int, default=2, help="mutants at a time")
    options = asked.parse_args()
    if options.what == "prepare":
        prepare()
        return 0
    return run(options.sample, options.seed, options.only or ["access."], options.jobs)


if __name__ == "__main__":
    sys.exit(main())
