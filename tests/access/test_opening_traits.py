"""Who is opened a dossier by a professional: the traits of the INS agree, accents and case aside."""

import datetime as dt
from types import SimpleNamespace

import pytest

from access import opening

PERSON = SimpleNamespace(birth_family="LEFÈVRE", given_names="Marie Anne", birth_date=dt.date(1984, 3, 12), sex="F")
SAID = {"birth_family": "Lefevre", "given_names": "marie", "birth_date": dt.date(1984, 3, 12), "sex": "F"}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({}, True),
        ({"given_names": "Marie Anne"}, True),
        ({"given_names": "MARIE Louise"}, True),
        ({"given_names": "Anne"}, False),
        ({"given_names": "Mar"}, False),
        ({"given_names": ""}, False),
        ({"birth_family": "LEFEVRE DUPONT"}, False),
        ({"birth_date": dt.date(1984, 3, 13)}, False),
        ({"sex": "M"}, False),
    ],
)
def test_each_trait_counts(changed, same):
    assert opening.same_person(PERSON, SAID | changed) is same


def test_a_real_number_has_its_key_and_a_test_number_needs_none():
    assert opening._number("284037599000100", opening.ins.OID_TEST).matricule == "284037599000100"
    with pytest.raises(opening.ins.ValidationError):
        opening._number("284037599000100", opening.ins.OID_NIR)
