"""French on every screen: what other packages say, in our words, and the spaces of what is printed."""

import re
from pathlib import Path

import pytest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext

from patients import terms
from patients.typography import set_in_type

CATALOGUE = Path(__file__).parents[1] / "locale/fr/LC_MESSAGES/django.po"


def test_the_compiled_catalogue_says_what_the_source_says():
    """Only the compiled one is read: one changed without the other is a change that nobody sees."""
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"', CATALOGUE.read_text(), re.M)
    assert len(pairs) > 50
    assert [(told, gettext(told)) for told, _ in pairs] == pairs


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
