"""A closed envelope goes into her own hands, against a paper seen and a signature, or by registered post."""

import pytest

from access.counter_envelopes import Hand

IN_HAND = {"act": "hand", "paper": "passeport", "signed": "on"}
POSTED = {"act": "post", "number": "1A 234"}


def filled(said):
    form = Hand(said)
    form.is_valid()
    return form


def acts():
    return [value for value, _ in Hand().fields["act"].choices]


@pytest.fixture
def in_hand():
    return IN_HAND | {"act": acts()[0]}


@pytest.fixture
def posted():
    return POSTED | {"act": acts()[1]}


def test_what_is_kept_of_each_way(in_hand, posted):
    assert filled(in_hand).evidence == "passeport, reçu signé"
    assert filled(posted).evidence == "recommandé 1A 234"


@pytest.mark.parametrize("without", ["paper", "signed"])
def test_in_her_hands_it_needs_a_paper_and_a_signature(in_hand, without):
    del in_hand[without]
    said = "En main propre : voyez une pièce d'identité, et faites signer le reçu."
    assert filled(in_hand).errors == {"__all__": [said]}
    assert filled(in_hand | {"number": "1A 234"}).errors == {"__all__": [said]}


def test_by_post_it_needs_a_number(posted):
    del posted["number"]
    assert filled(posted | {"paper": "passeport", "signed": "on"}).errors == {
        "number": ["Donnez le numéro du recommandé."]
    }


def test_a_way_is_said(in_hand):
    assert list(filled(in_hand | {"act": ""}).errors) == ["act"]
