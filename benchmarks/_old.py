"""Whether the tests of access/ see a changed line: mutmut's mutants, a seeded sample, each against its tests.

mutmut makes the mutants and learns which tests enter each function; but it runs a mutant in a forked process,
and a connection to PostgreSQL does not survive a fork. So here each has a pytest process of its own: the sixty
closest tests that enter its function, until one fails; a survivor of those then meets all the others.

    python benchmarks/mutants.py prepare    some fifteen minutes; then the tests that are new only
    python benchmarks/mutants.py run [--sample 300] [--seed 3] [--only access.policy.]   1 under 95 %

In the environment of the tests (variables DMP_*). Sentences for people are counted apart: one that is reworded
(mutmut writes it in capitals, or between XX) is not an access given or refused.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test

PLACE = Path("mutants")
WANTED = 0.95
FIRST = 60  # tests
SECONDS = 300  # of a run: a mutant that loops is seen
SENTENCE = re.compile(r"""(["'])(?:(?!\1).)*\s(?:(?!\1).)*\1""")


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


def tests_of(mutant: str, entered: dict[str, list[str]]) -> list[str]:
    """Those that enter its function; first the ones that enter few others, for they look closest."""
    width = Counter(test for tests in entered.values() for test in set(tests))
    return sorted(set(entered.get(re.sub(r"__mutmut_\d+$", "", mutant), [])), key=lambda test: (width[test], test))


def killed(mutant: str, tests: list[str]) -> bool:
    """Whether a test fails, or never ends. Raises RuntimeError when pytest itself could not run."""
    environment = os.environ | {"MUTANT_UNDER_TEST": mutant, "PYTHONPATH": "."}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-m", "not slow and not browser", *tests]
    try:
        done = subprocess.run(command, cwd=PLACE, env=environment, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{mutant}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


def verdict(mutant: str, diff: str, entered: dict[str, list[str]]) -> str:
    tests = tests_of(mutant, entered)
    batches = [batch for batch in (tests[:FIRST], tests[FIRST:]) if batch]
    if any(killed(mutant, batch) for batch in batches):
        return "killed"
    return "reworded" if is_reworded(diff) else "survived"


def is_reworded(diff: str) -> bool:
    """Nothing changed but the letters of a sentence: a literal with a blank in it."""
    lines = [line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    if len(lines) != 2:
        return False
    before, after = lines[0][1:], lines[1][1:]
    same = SENTENCE.sub('""', before) == SENTENCE.sub('""', after)
    return same and before.lower() == after.replace("XX", "").lower()


def run(sample: int, seed: int, only: list[str]) -> int:
    entered = json.loads((PLACE / "mutmut-stats.json").read_text())["tests_by_mangled_function_name"]
    mutants = {name: file for name, file in known().items() if name.startswith(tuple(only))}
    chosen = sorted(mutants) if sample >= len(mutants) else random.Random(seed).sample(sorted(mutants), sample)
    counts: Counter[str] = Counter()
    for mutant in chosen:
        diff = get_diff_for_mutant(mutant, path=mutants[mutant])
        end = verdict(mutant, diff, entered)
        counts[end] += 1
        if end != "killed":
            print(f"{end}: {mutant}\n{diff}\n", flush=True)
    judged = counts["killed"] + counts["survived"]
    rate = counts["killed"] / judged if judged else 0.0
    said = f"{len(chosen)} of {len(mutants)} mutants, seed {seed}: {dict(counts)}"
    print(f"{said}; {rate:.1%} killed, {WANTED:.0%} wanted")
    return int(rate < WANTED)


def main() -> int:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("what", choices=["prepare", "run"])
    asked.add_argument("--sample", type=int, default=300)
    asked.add_argument("--seed", type=int, default=3)
    asked.add_argument("--only", action="append", default=[], help="access.policy. for the whole of a module")
    options = asked.parse_args()
    if options.what == "prepare":
        prepare()
        return 0
    return run(options.sample, options.seed, options.only or ["access."])


if __name__ == "__main__":
    sys.exit(main())
