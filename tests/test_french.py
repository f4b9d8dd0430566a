"""French on every screen: what other packages say, in our words, and the spaces of what is printed."""

import gettext as gettext_of_python
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext

from patients import terms
from patients.typography import set_in_type

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "locale/fr/LC_MESSAGES/django.po"


def test_the_compiled_catalogue_says_what_the_source_says():
    """Only the compiled one is read: one changed without the other is a change that nobody sees."""
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"', CATALOGUE.read_text(), re.M)
    assert len(pairs) > 50
    assert [(told, gettext(told)) for told, _ in pairs] == pairs


def test_the_compiled_catalogue_of_the_commands_says_what_the_source_says():
    told = gettext_of_python.translation("argparse", ROOT / "locale", ["fr"])
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"', CATALOGUE.with_name("argparse.po").read_text(), re.M)
    pairs = [(one.replace("\\n", "\n"), two.replace("\\n", "\n")) for one, two in pairs]
    assert len(pairs) > 15
    assert [(one, told.gettext(one)) for one, _ in pairs] == pairs


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("staff end", "staff end, erreur : il manque email, --reason"),
        ("staff fire", "act : 'fire' n'est pas un choix (ce peut être 'list',"),
        ("pilot_rules list --from demain", "--from : 'demain' n'a pas la forme attendue"),
        ("holds put --reason", "--reason : une valeur est attendue"),
        ("health now", "health, erreur : mots inconnus : now"),
    ],
)
def test_an_operator_who_mistypes_a_command_reads_what_is_wrong_in_french(words, said):
    """As it is launched: the words are those of Python's argparse, in the language of the process."""
    run = subprocess.run(
        [sys.executable, ROOT / "manage.py", *words.split()], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stderr.startswith("usage : ") and said in run.stderr
    assert not re.search(r"\b(error|required|invalid|expected|unrecognized)\b", run.stderr)


def test_a_size_is_told_in_the_unit_of_telephones():
    assert filesizeformat(10_500).replace("\xa0", " ") == "10,3 ko"


def test_what_is_printed_breaks_no_line_before_a_colon_or_a_guillemet():
    html = '<p title="a : b">Le 3 mai 2026 : « oui », n° 4 ?</p><pre>Hb : 12</pre><style>a { color : red }</style>'
    said = set_in_type(html)
    assert said.startswith('<p title="a : b">Le 3\xa0mai 2026\xa0: «\xa0oui\xa0», n°\xa04\u202f?</p>')
    assert said.endswith("<pre>Hb : 12</pre><style>a { color : red }</style>")
    assert set_in_type(said) == said


@pytest.mark.parametrize(
    ("code", "words"), [("SM32", "neurologie"), ("SM54", "médecine Générale"), ("inconnu", "inconnu")]
)
def test_a_speciality_is_told_without_the_codes_of_its_table(code_tables, code, words):
    assert terms.speciality(code) == words
