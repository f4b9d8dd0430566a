"""The reference of a document on paper: typed as it is read, refused when it is not one of this dossier."""

import uuid

import pytest
from django.core.exceptions import ValidationError

from patients import references

DOSSIER, OTHER = uuid.UUID(int=7), uuid.UUID(int=8)
DOCUMENTS = [uuid.UUID(int=0), uuid.UUID("019ac5a0-8f6b-7c31-9a2d-5e0f4b7c6d21"), uuid.UUID(int=2**128 - 1)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
@pytest.mark.parametrize("hand", [str, str.lower, lambda text: text.replace(" ", "-"), lambda text: f" {text} "])
def test_what_is_printed_is_read_back_however_it_is_typed(document, hand):
    assert references.read(DOSSIER, hand(references.of(DOSSIER, document))) == document


def test_six_groups_of_five():
    assert [len(one) for one in references.of(DOSSIER, DOCUMENTS[1]).split(" ")] == [5] * 6


def refused(text, dossier=DOSSIER):
    with pytest.raises(ValidationError) as error:
        references.read(dossier, text)
    return list(error.value.message_dict) == ["reference"]


def test_one_character_wrong_anywhere_is_refused():
    right = references.of(DOSSIER, DOCUMENTS[1])
    for place, character in enumerate(right):
        if character != " ":
            wrong = "B" if character != "B" else "C"
            assert refused(right[:place] + wrong + right[place + 1 :]), place


@pytest.mark.parametrize("text", ["", "A", "É" * 30, "9" * 30, "9" * 60, "<script>"])
def test_what_is_no_reference_is_refused(text):
    assert refused(text)


def test_that_of_another_dossier_is_refused():
    assert refused(references.of(OTHER, DOCUMENTS[1]))
