"""What an emergency opens, keeps, tells and refuses: each act whole. The interface is tests/access/test_api_*."""

import dataclasses
import datetime as dt

import pytest

from access import emergencies, gate
from access.facts import Act, Purpose
from access.models import EmergencyAccess, EmergencyNumber, MatrixRow
from audit.scoped import uuid7
from audit.trail import Event
from patients import codes
from patients.models import Dossier, Notice
from tests import factories as make
from tests.access.acts import NOW, refused, said_by_doctor
from tests.told import acts, last_told, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

HOUR = dt.timedelta(hours=1)
WORDS = "trouvé au sol, ne répond pas"


@pytest.fixture
def dossier(code_tables):
    make.matrix()
    return make.DossierFactory()


def caller(doctor, **more):
    return dataclasses.replace(make.caller(doctor), **more)


def by_doctor(dossier, doctor, act, event=Event.GLASS_BROKEN, kind=Act.BREAK):
    with gate.enter(make.caller(doctor), kind, event, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def glass(dossier, doctor, reason="inconscience", words=WORDS):
    return by_doctor(dossier, doctor, lambda entry: emergencies.break_glass(entry, reason, words))


def by_holder(dossier, act):
    with gate.enter(
        make.holder(dossier), Act.MANAGE, Event.EMERGENCY_CHANGED, dossier_id=dossier.pk, lock=True
    ) as entry:
        return act(entry)


def number_of(dossier):
    return by_holder(dossier, emergencies.make_number)


# -- breaking the glass ---------------------------------------------------------------------------------------


def test_a_broken_glass_is_kept_told_and_traced(dossier, doctor):
    row, new = glass(dossier, doctor)
    kept = EmergencyAccess.objects.get()
    assert (kept, new) == (row, True)
    assert (kept.dossier, kept.user, kept.kind) == (dossier, make.account(doctor), "break_glass")
    assert (kept.since, kept.until, kept.attested_at) == (NOW, NOW + 4 * HOUR, None)
    assert kept.reason == f"Personne inconsciente : {WORDS}"
    assert emergencies.attest_by(kept) == NOW + 24 * HOUR
    assert [(one.kind, one.dossier_id) for one in Notice.objects.all()] == [("emergency", dossier.pk)]
    assert [told(one) for one in acts(dossier)] == [
        said_by_doctor(
            doctor,
            event="glass_broken",
            ground="break_glass",
            mode="break_glass",
            reason=f"Personne inconsciente : {WORDS}",
            detail={
                "access": row.pk.hex,
                "end": (NOW + 4 * HOUR).isoformat(),
                "motif": "inconscience",
                "new": True,
            },
        )
    ]


def test_pressed_twice_it_is_the_same(dossier, doctor, clock):
    first, _ = glass(dossier, doctor)
    clock.shift(4 * HOUR - dt.timedelta(seconds=1))
    assert glass(dossier, doctor, "detresse", "") == (first, False)
    said = last_told(dossier)
    assert said["reason"] == "Détresse vitale : la personne ne peut pas répondre"
    assert (said["detail"]["motif"], said["detail"]["new"]) == ("detresse", False)
    assert Notice.objects.count() == 1
    clock.shift(dt.timedelta(seconds=1))
    again, new = glass(dossier, doctor)
    assert (again.pk != first.pk, new) == (True, True)


def test_another_s_glass_and_a_number_are_not_his(dossier, doctor):
    first, _ = glass(dossier, make.ProfessionalFactory())
    number, _ = emergencies.use_number(caller(doctor), number_of(dossier))
    row, new = glass(dossier, doctor)
    assert new and row.pk not in {first.pk, number.pk}


def test_another_danger_is_said_in_words(dossier, doctor):
    refused("words", "Dites en quelques mots quel est le danger.", glass, dossier, doctor, "autre", "")
    row, _ = glass(dossier, doctor, "autre", WORDS)
    assert row.reason == f"Autre situation de danger : {WORDS}"


def test_who_gains_nothing_does_not_break_it(dossier, doctor):
    make.treat(dossier, doctor)
    words = "Vous êtes le médecin traitant : vous lisez déjà tout ce dossier."
    refused("treating", words, glass, dossier, doctor)
    assert not EmergencyAccess.objects.exists()


# -- attesting ------------------------------------------------------------------------------------------------


def attest(dossier, doctor, access_id, text="il était inconscient, seul, dans la rue"):
    return by_doctor(
        dossier, doctor, lambda entry: emergencies.attest(entry, access_id, text), Event.GLASS_ATTESTED, Act.RECORD
    )


@pytest.mark.parametrize(
    ("after", "late"), [(HOUR, False), (24 * HOUR, False), (24 * HOUR + dt.timedelta(seconds=1), True)]
)
def test_it_is_attested_once_late_or_not(dossier, doctor, clock, after, late):
    row, _ = glass(dossier, doctor)
    other, _ = glass(dossier, make.ProfessionalFactory())
    clock.move_to(NOW + after, tick=False)
    attest(dossier, doctor, row.pk)
    row.refresh_from_db()
    other.refresh_from_db()
    text = "il était inconscient, seul, dans la rue"
    assert (row.attested_at, row.attestation, other.attested_at) == (NOW + after, text, None)
    said = {"access": row.pk.hex, "end": (NOW + 4 * HOUR).isoformat(), "late": late}
    assert last_told(dossier) == said_by_doctor(
        doctor, event="glass_attested", ground="break_glass", mode="normal", reason=text, detail=said
    )
    clock.shift(HOUR)
    assert attest(dossier, doctor, row.pk).attested_at == NOW + after  # the same words: said already
    assert last_told(dossier)["detail"]["late"] is late
    words = "Cet accès est déjà justifié. Une justification ne se change pas."
    refused("attested", words, attest, dossier, doctor, row.pk, "autre chose")


def test_only_his_own_broken_glass_of_this_dossier_is_attested(dossier, doctor):
    other = make.DossierFactory()
    his, _ = glass(dossier, doctor)
    theirs, _ = glass(dossier, make.ProfessionalFactory())
    elsewhere, _ = glass(other, doctor)
    card, _ = emergencies.use_number(caller(doctor), number_of(dossier))
    for wrong in (theirs.pk, elsewhere.pk, card.pk, uuid7()):
        with pytest.raises(gate.Absent):
            attest(dossier, doctor, wrong)
    assert attest(dossier, doctor, his.pk)


def test_his_own_are_listed_the_newest_first(dossier, doctor, clock):
    rows = []
    for _ in range(3):
        rows.insert(0, glass(dossier, doctor)[0])
        clock.shift(5 * HOUR)
    glass(dossier, make.ProfessionalFactory())
    glass(make.DossierFactory(), doctor)

    def listed(entry):
        entry.trace()
        return emergencies.own(entry)

    assert by_doctor(dossier, doctor, listed) == rows
    user = make.account(doctor)
    more = [
        EmergencyAccess(dossier=dossier, user=user, kind="number", since=NOW - n * HOUR, until=NOW - n * HOUR)
        for n in range(60)
    ]
    EmergencyAccess.objects.bulk_create(more)
    assert len(by_doctor(dossier, doctor, listed)) == 50


# -- the number on the card -----------------------------------------------------------------------------------


def test_a_number_is_twelve_signs_kept_as_a_digest_alone(dossier):
    holder = make.holder_of(dossier)
    number = number_of(dossier)
    assert len(number) == 12 and set(number) <= set(codes.ALPHABET)
    row = EmergencyNumber.objects.get()
    dossier.refresh_from_db()
    assert bytes(row.lookup) == bytes(dossier.emergency_lookup) == emergencies.lookup_of(number)
    assert row.dossier_id == dossier.pk
    assert dossier.history.get(emergency_lookup__isnull=False).history_user_id == f"holder:{holder.pk}"
    said = last_told(dossier)
    assert (said["event"], said["ground"], "detail" in said) == ("number_made", "holder", False)
    assert emergencies.typed(" abcd-efgh jklm ") == "ABCDEFGHJKLM"
    assert emergencies.on_paper("ABCDEFGHJKLM") == "ABCD EFGH JKLM"
    assert emergencies.lookup_of("ABCD") != emergencies.lookup_of("ABCE")


def test_a_new_number_ends_the_one_before_and_what_it_opened(dossier, doctor, clock):
    number = number_of(dossier)
    row, _ = emergencies.use_number(caller(doctor), number)
    broken, _ = glass(dossier, doctor)
    other = make.DossierFactory()
    elsewhere, _ = emergencies.use_number(caller(doctor), number_of(other))
    clock.shift(HOUR)
    again = number_of(dossier)
    for one in (row, broken, elsewhere):
        one.refresh_from_db()
    assert (row.until, broken.until, elsewhere.until) == (NOW + HOUR, NOW + 4 * HOUR, NOW + 4 * HOUR)
    assert {one.dossier_id for one in EmergencyNumber.objects.all()} == {dossier.pk, other.pk}
    assert EmergencyNumber.objects.count() == 2
    with pytest.raises(gate.Absent):
        emergencies.use_number(caller(doctor), number)
    assert emergencies.use_number(caller(doctor), again)


def test_a_card_is_withdrawn_once(dossier, doctor):
    number = number_of(dossier)
    assert by_holder(dossier, emergencies.withdraw_number) is True
    assert last_told(dossier)["detail"] == {"setting": "carte", "changed": ["number"]}
    assert not EmergencyNumber.objects.exists()
    dossier.refresh_from_db()
    assert dossier.emergency_lookup is None
    assert by_holder(dossier, emergencies.withdraw_number) is False
    said = last_told(dossier)
    assert (said["event"], said["detail"]) == ("emergency_changed", {"setting": "carte", "changed": []})
    with pytest.raises(gate.Absent):
        emergencies.use_number(caller(doctor), number)


def test_a_typed_number_opens_four_hours_told_and_traced(dossier, doctor, clock):
    number = number_of(dossier)
    row, new = emergencies.use_number(caller(doctor), number)
    assert (row.kind, row.reason, row.since, row.until, new) == ("number", "", NOW, NOW + 4 * HOUR, True)
    assert row.user == make.account(doctor)
    said = {"access": row.pk.hex, "end": (NOW + 4 * HOUR).isoformat()}
    assert last_told(dossier) == said_by_doctor(
        doctor,
        event="number_used",
        ground="emergency_number",
        mode="emergency_number",
        detail={**said, "new": True},
    )
    assert [one.kind for one in Notice.objects.all()] == ["emergency"]
    clock.shift(HOUR)
    assert emergencies.use_number(caller(doctor), number) == (row, False)
    assert last_told(dossier)["detail"] == {**said, "new": False}


def test_a_number_opens_nothing_to_who_reads_no_vital_document(dossier, doctor):
    number = number_of(dossier)
    MatrixRow.objects.filter(profession="10").update(readable=["11488-4"])
    with pytest.raises(gate.Absent):
        emergencies.use_number(caller(doctor), number)
    assert last_told(dossier) == said_by_doctor(
        doctor, event="number_used", allowed=False, ground="not_entitled", mode="normal"
    )
    assert not EmergencyAccess.objects.exists()


@pytest.mark.parametrize("why", ["wrong", "closed", "blocked"])
def test_every_number_that_opens_nothing_is_absent_alike(dossier, doctor, why):
    number = number_of(dossier)
    if why == "closed":
        Dossier.objects.filter(pk=dossier.pk).update(state="closed", closed_at=NOW, closure="DEMANDE_TITULAIRE")
    if why == "blocked":
        make.forbid(dossier, doctor)
    with pytest.raises(gate.Absent) as error:
        emergencies.use_number(caller(doctor), "A" * 12 if why == "wrong" else number)
    assert error.value.args == ()
    assert not EmergencyAccess.objects.exists()


def test_a_number_that_is_no_longer_the_dossier_s_own_opens_nothing(dossier, doctor):
    number = number_of(dossier)
    Dossier.objects.filter(pk=dossier.pk).update(emergency_lookup=None)
    with pytest.raises(gate.Absent):
        emergencies.use_number(caller(doctor), number)
    assert last_told(dossier)["ground"] == "absent"


def test_neither_regulation_nor_a_secret_session_types_a_number(dossier, doctor):
    number = number_of(dossier)
    regulation, secret = (caller(doctor, purpose=one) for one in (Purpose.REGULATION, Purpose.SECRET))
    words = "La régulation consulte par l'INS, sans numéro de carte."
    refused("regulation", words, emergencies.use_number, regulation, number)
    words = "Une session secrète n'est pas un accès en urgence. Si c'en est un, rappelez sans DMP-Purpose: secret."
    refused("secret", words, emergencies.use_number, secret, number)
