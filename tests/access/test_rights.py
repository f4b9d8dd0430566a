"""The right behind an act, as it stood then: pure rows in, sentences out."""

import datetime as dt
import uuid

import pytest

from access.rights import Right, Rights, Told

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY, SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
DOCUMENT = uuid.UUID(int=7)
WHO = "899999999999"


@pytest.fixture(autouse=True)
def _at_noon(time_machine):
    time_machine.move_to(NOON, tick=False)


def right(since=-9, until=9, said=None, **more):
    """In days from now."""
    end = None if until is None else NOON + until * DAY
    return Right(NOON + since * DAY, end, said=NOON + (since if said is None else said) * DAY, **more)


def told(versions, ground="authorised", at=NOON - DAY, kind="consult_dossier", document=None):
    rights = Rights({(WHO, kind, document): versions})
    return rights.told(WHO, ground, at, document)


def test_what_runs_still_is_told_whole():
    row = right(by="par le titulaire, sur ce site", limits="seulement en cas d'urgence")
    words = (
        "Depuis le 14 novembre 2026, jusqu'au 2 décembre 2026 inclus. Limité : seulement en cas d'urgence. "
        "Enregistré par le titulaire, sur ce site."
    )
    assert told([row]) == Told(words)
    assert told([right(until=None)]) == Told("Depuis le 14 novembre 2026.")
    assert told([right(limits="Biologie")]) == Told(
        "Depuis le 14 novembre 2026, jusqu'au 2 décembre 2026 inclus. Limité : Biologie."
    )


def test_what_is_over_is_told_with_its_two_days_and_nothing_to_do():
    over = "Ce droit a pris fin depuis : vous n'avez rien à faire."
    row = right(until=-0.5, by="au guichet")
    assert told([row]) == Told("Du 14 novembre 2026 au 23 novembre 2026. Enregistré au guichet.", over)
    assert told([row, right(since=-0.2)]) == Told("Du 14 novembre 2026 au 23 novembre 2026. Enregistré au guichet.")


def test_the_last_version_known_then_that_ran_then_decides():
    first, second = right(since=-9, until=-5, by="A"), right(since=-4, until=None, said=-4, by="B")
    assert told([first, second], at=NOON - 6 * DAY).since.endswith("Enregistré A.")
    assert told([first, second], at=NOON - 4 * DAY).since.endswith("Enregistré B.")
    assert told([first, second], at=NOON - 5 * DAY) == Told()  # none ran then: the end is excluded
    assert told([first, second], at=NOON - 10 * DAY) == Told()


def test_a_right_whose_end_was_changed_since_is_told_with_its_new_end():
    first, shortened = right(until=9), right(until=-0.5, said=-0.5)
    assert told([first, shortened]).since == "Du 14 novembre 2026 au 23 novembre 2026."


def test_what_was_recorded_later_was_not_known():
    late = right(since=-9, said=-0.5, by="B")
    assert told([right(since=-9, until=-8, by="A"), late], at=NOON - DAY) == Told()
    assert told([late], at=NOON - DAY).since.endswith("Enregistré B.")  # the only one


@pytest.mark.parametrize("ground", ["expired", "not_authorised"])
def test_a_refusal_for_want_of_a_right_says_when_it_had_ended_and_whether_one_was_given_since(ground):
    ended = right(until=-2)
    since = "Elle avait pris fin le 21 novembre 2026." if ground == "expired" else ""
    assert told([ended], ground) == Told(since, None)
    assert told([ended, right(since=-0.5)], ground) == Told(since, "Depuis, vous l'avez autorisé.")
    assert told([right(until=None)], ground) == Told("", "Depuis, vous l'avez autorisé.")


@pytest.mark.parametrize("ground", ["break_glass", "emergency_number"])
def test_an_emergency_is_told_by_the_hour(ground):
    kind = {"break_glass": "break_glass", "emergency_number": "number"}[ground]
    runs = Right(NOON - SECOND, NOON + SECOND * 14400, said=NOON - SECOND)
    said = told([runs], ground, NOON, kind)
    assert said == Told("Cet accès court du 23 novembre 2026 à 12:59 au 23 novembre 2026 à 17:00.", None)
    over = Right(NOON - DAY, NOON, said=NOON - DAY)
    said = told([over], ground, NOON - SECOND, kind)
    assert said == Told("Cet accès a couru du 22 novembre 2026 à 13:00 au 23 novembre 2026 à 13:00.", None)


def test_a_document_opened_is_looked_for_by_itself_and_the_others_are_not():
    assert told([right()], "opened_to_him", kind="document", document=DOCUMENT).since
    assert Rights({(WHO, "document", None): [right()]}).told(WHO, "opened_to_him", NOON, DOCUMENT) == Told()
    assert Rights({(WHO, "consult_dossier", None): [right()]}).told(WHO, "authorised", NOON, DOCUMENT).since


@pytest.mark.parametrize(
    ("ground", "kind"),
    [
        ("emergency_only", "consult_dossier"),
        ("treating_doctor", "consult_masked"),
        ("blocked", "block"),
        ("holder", "holder"),
        ("representative", "guardian"),
        ("representative", "parent"),
        ("carer", "carer"),
    ],
)
def test_each_ground_has_its_rows(ground, kind):
    assert told([right()], ground, kind=kind).since.startswith("Depuis le 14 novembre 2026")
    assert told([right()], ground, kind="autre") == Told()


@pytest.mark.parametrize(
    ("ground", "article"), [("author", "R1111-49"), ("feeding", "L1111-15"), ("regulation", "L1111-17")]
)
def test_what_nobody_decided_is_the_law_s(ground, article):
    assert told([], ground) == Told(f"Cette règle est dans la loi (code de la santé publique, article {article}).")


def test_what_has_no_row_is_told_nothing():
    assert told([]) == told([right()], "opposed") == Told()


def test_a_right_runs_from_its_beginning_to_its_end_excluded():
    row = Right(NOON, NOON + DAY)
    assert [row.ran(at) for at in (NOON - SECOND, NOON, NOON + DAY - SECOND, NOON + DAY)] == [
        False,
        True,
        True,
        False,
    ]
    assert Right(NOON, None).ran(NOON + 999 * DAY)
