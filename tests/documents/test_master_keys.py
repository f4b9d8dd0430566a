"""A new master key: every dossier's key comes under it, killed or not on the way, and every content still opens."""

import base64
import io

import pytest
from django.core.management import CommandError, call_command

from documents import keys, master_keys
from documents.models import DataKey
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ONE, TWO = (f"{version}:{base64.b64encode(bytes([version]) * 32).decode()}" for version in (1, 2))


@pytest.fixture
def settled(settings):
    """Master keys of these settings, and no other's in memory."""

    def choose(*texts):
        settings.MASTER_KEYS = ",".join(texts)
        keys.master_keys.cache_clear()

    yield choose
    keys.master_keys.cache_clear()


@pytest.fixture
def known(settled):
    settled(ONE)
    return {(key := make.DossierFactory().pk): keys.make(key) for _ in range(5)}


def run(*words, **options):
    said = io.StringIO()
    call_command("keys", *words, stdout=said, stderr=io.StringIO(), **options)
    return said.getvalue()


def test_a_new_key_wraps_what_is_new_and_opens_what_is_old(known, settled):
    settled(ONE, TWO)
    assert {key: keys.of(key) for key in known} == known
    keys.make(make.DossierFactory().pk)
    assert master_keys.counts() == {1: 5, 2: 1}


def test_rewrapped_they_open_with_the_new_key_alone(known, settled, monkeypatch):
    monkeypatch.setattr(master_keys, "BATCH", 2)
    settled(ONE, TWO)
    assert "5 clés à remettre" in run("rewrap")
    assert master_keys.counts() == {1: 5, 2: 0}
    assert "5 clés remises" in run("rewrap", apply=True)
    assert "version 2 : 5" in run("list")
    settled(TWO)
    assert {key: keys.of(key) for key in known} == known


def test_killed_on_the_way_it_goes_on(known, settled, monkeypatch):
    monkeypatch.setattr(master_keys, "BATCH", 2)
    settled(ONE, TWO)

    def killed(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        master_keys.rewrap(killed)
    assert master_keys.counts() == {1: 3, 2: 2}
    assert master_keys.rewrap() == 3
    assert {key: keys.of(key) for key in known} == known


def test_without_the_old_key_nothing_is_lost_and_it_is_said(known, settled):
    settled(TWO)
    with pytest.raises(CommandError, match="clé maîtresse manque"):
        run("rewrap", apply=True)
    assert set(DataKey.objects.values_list("version", flat=True)) == {1}


def test_a_key_proposed_has_the_next_number_and_32_bytes(known):
    version, _, key = run("new").strip().partition(":")
    assert (version, len(base64.b64decode(key))) == ("2", 32)
