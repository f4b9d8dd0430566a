"""What an operator types: the words of each command, each one explained, and what they are read as."""

import datetime as dt
import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

WHO = "[--by E-MAIL] --reason RAISON [--apply]"
MAY_SIGN = "[--by E-MAIL] [--reason RAISON] [--apply]"
SIGNED = "--by E-MAIL --reason RAISON [--apply]"
WAYS = "{web,counter,professional,pharmacy,post,operator}"
PLACES = f"[--regime CODE [CODE ...]] [--department NUMÉRO [NUMÉRO ...]] --channel {WAYS} [{WAYS} ...]"
WORDS = {
    "access_code": f"{WHO} email",
    "database_roles": "[--apply]",
    "emergencies": "",
    "load_insured": f"[--regimes REGIMES] [--caisses CAISSES] [--report REPORT] {MAY_SIGN} file",
    "load_matrix": f"--name NAME --source SOURCE [--from DAY] [--draft] {MAY_SIGN} file",
    "load_professionals": f"[--full] [--at-most AT_MOST] [--report REPORT] {MAY_SIGN} file",
    "pilot_rules list": "[--from AAAA-MM-JJ]",
    "pilot_rules open": f"{PLACES} [--from AAAA-MM-JJ] [--refused] [--adults-only] [--note NOTE] {SIGNED}",
    "pilot_rules stop": f"{PLACES} [--from AAAA-MM-JJ] {SIGNED}",
    "pilot_rules on": f"[--from AAAA-MM-JJ] {SIGNED}",
    "pilot_rules off": f"[--from AAAA-MM-JJ] {SIGNED}",
    "reopen_dossier": "--evidence EVIDENCE [--apply] [--request DEMANDE] --by E-MAIL",
    "requests_due": "[--days DAYS] [--remind] [--apply]",
    "staff list": "",
    "staff add": f"[--caisse CAISSE] {WHO} email PRÉNOM NOM",
    "staff end": f"{WHO} email",
    "staff back": f"{WHO} email",
    "staff serve": f"--caisse CAISSE {WHO} email",
    "staff leave": f"--caisse CAISSE {WHO} email",
    "staff role": f"[--caisse CAISSE] {WHO} email",
    "staff reset": f"{WHO} email",
    "traces_of": f"--since AAAA-MM-JJ --until AAAA-MM-JJ [--asked AAAA-MM-JJ] {SIGNED} IDENTIFIANT FICHIER",
}
READ_AS = {
    "access_code a@b.fr --reason r": {"email": "a@b.fr", "by": "", "reason": "r", "apply": False},
    "access_code a@b.fr --by o@b.fr --reason r --apply": {
        "email": "a@b.fr", "by": "o@b.fr", "reason": "r", "apply": True,
    },
    "database_roles": {"apply": False},
    "load_insured a.csv --regimes r.csv --caisses c.csv": {
        "file": Path("a.csv"), "regimes": Path("r.csv"), "caisses": Path("c.csv"), "report": None, "by": "",
        "reason": "", "apply": False,
    },
    "load_insured a.csv --report r.txt --by o@b.fr --reason r --apply": {
        "file": Path("a.csv"), "regimes": None, "caisses": None, "report": Path("r.txt"), "by": "o@b.fr",
        "reason": "r", "apply": True,
    },
    "load_matrix m.csv --name n --source s": {
        "file": Path("m.csv"), "name": "n", "source": "s", "day": None, "draft": False, "by": "",
        "reason": "", "apply": False,
    },
    "load_matrix m.csv --name n --source s --from 2026-11-02 --draft --apply": {
        "file": Path("m.csv"), "name": "n", "source": "s", "day": dt.date(2026, 11, 2), "draft": True, "by": "",
        "reason": "", "apply": True,
    },
    "load_professionals a.txt": {
        "file": Path("a.txt"), "full": False, "at_most": 10, "report": None, "by": "", "reason": "", "apply": False,
    },
    "load_professionals a.txt --full --at-most 5 --report r.txt --by o@b.fr --reason r --apply": {
        "file": Path("a.txt"), "full": True, "at_most": 5, "report": Path("r.txt"), "by": "o@b.fr",
        "reason": "r", "apply": True,
    },
    "pilot_rules list": {"act": "list", "day": None},
    "pilot_rules list --from 2026-11-02": {"act": "list", "day": dt.date(2026, 11, 2)},
    "pilot_rules open --channel web --by o@b.fr --reason r": {
        "act": "open", "regime": [""], "department": [""], "channel": ["web"], "day": None, "refused": False,
        "adults_only": False, "note": "", "by": "o@b.fr", "reason": "r", "apply": False,
    },
    "pilot_rules open --regime 01 02 --department 35 29 --channel web counter --from 2026-11-02 --refused "
    "--adults-only --note n --by o@b.fr --reason r --apply": {
        "act": "open", "regime": ["01", "02"], "department": ["35", "29"], "channel": ["web", "counter"],
        "day": dt.date(2026, 11, 2), "refused": True, "adults_only": True, "note": "n", "by": "o@b.fr",
        "reason": "r", "apply": True,
    },
    "pilot_rules stop --channel web --by o@b.fr --reason r": {
        "act": "stop", "regime": [""], "department": [""], "channel": ["web"], "day": None, "by": "o@b.fr",
        "reason": "r", "apply": False,
    },
    "reopen_dossier --evidence e --by o@b.fr": {"evidence": "e", "apply": False, "request": "", "by": "o@b.fr"},
    "requests_due": {"days": 7, "remind": False, "apply": False},
    "requests_due --days 3 --remind --apply": {"days": 3, "remind": True, "apply": True},
    "staff add a@b.fr A B --reason r": {
        "act": "add", "email": "a@b.fr", "first": "A", "last": "B", "caisse": "", "by": "", "reason": "r",
        "apply": False,
    },
    "staff role a@b.fr --reason r": {
        "act": "role", "email": "a@b.fr", "caisse": "", "by": "", "reason": "r", "apply": False,
    },
    "traces_of 1 t.csv --since 2026-01-01 --until 2026-01-02 --asked 2026-01-03 --by o@b.fr --reason r": {
        "number": "1", "file": Path("t.csv"), "since": dt.date(2026, 1, 1), "until": dt.date(2026, 1, 2),
        "asked": dt.date(2026, 1, 3), "by": "o@b.fr", "reason": "r", "apply": False,
    },
    "traces_of 1 t.csv --since 2026-01-01 --until 2026-01-02 --by o@b.fr --reason r": {
        "number": "1", "file": Path("t.csv"), "since": dt.date(2026, 1, 1), "until": dt.date(2026, 1, 2),
        "asked": None, "by": "o@b.fr", "reason": "r", "apply": False,
    },
}  # fmt: skip
OF_DJANGO = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color",
             "skip_checks"}  # fmt: skip


def command(name):
    return load_command_class(get_commands()[name], name)


def parser_of(name):
    return command(name).create_parser("manage.py", name)


def acts(parser):
    """The parser of each act, and what is said of it; of none, the command's own."""
    for action in parser._actions:
        if hasattr(action, "_choices_actions"):
            said = {one.dest: one.help for one in action._choices_actions}
            return {name: (below, said.get(name)) for name, below in action.choices.items()}
    return {}


def found():
    """Command and act, its parser, what its help says of it."""
    for name in sorted({line.split()[0] for line in WORDS}):
        parser = parser_of(name)
        below = acts(parser)
        for act, (one, said) in below.items():
            yield f"{name} {act}", one, said
        if not below:
            yield name, parser, command(name).help


def test_its_words_are_these_and_what_is_in_brackets_may_be_left_out(monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    seen = {}
    for name, parser, _ in found():
        usage = re.sub(r" \[--version\].*\[--skip-checks\]", "", " ".join(parser.format_usage().split()))
        seen[name] = usage.removeprefix(f"usage: manage.py {name}").replace(" [-h]", "").strip()
    assert seen == WORDS


def test_each_act_and_each_word_is_explained():
    unsaid = [name for name, _, said in found() if not said]
    for name, parser, _ in found():
        unsaid += [f"{name} {one.dest}" for one in parser._actions if one.dest not in OF_DJANGO and not one.help]
    assert unsaid == []


@pytest.mark.parametrize("line", READ_AS)
def test_each_word_is_read_as_what_it_is(line):
    name, *words = shlex.split(line)
    read = vars(parser_of(name).parse_args(words))
    assert {key: value for key, value in read.items() if key not in OF_DJANGO} == READ_AS[line]


@pytest.mark.parametrize("line", ["pilot_rules --reason r", "staff"])
def test_an_act_is_named(line):
    name, *words = shlex.split(line)
    with pytest.raises(Exception, match="act"):
        parser_of(name).parse_args(words)
