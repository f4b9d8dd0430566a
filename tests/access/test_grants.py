"""What the holder decides of a professional: the right kept, its history, its trace, and what is refused."""

import dataclasses
import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from access import gate, grants
from access.facts import Act
from access.models import Block, DossierGrant, EmergencyAccess
from audit.scoped import uuid7
from audit.trail import Event
from tests import factories as make
from tests.access.acts import DAY, NOW, refused, said_by_holder
from tests.told import acts, last_told, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


@pytest.fixture
def holder(dossier):
    return make.holder_of(dossier)


def by_holder(dossier, act, caller=None):
    caller = caller or make.holder(dossier)
    with gate.enter(caller, Act.MANAGE, Event.ACCESS_GRANTED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def by_professional(dossier, professional, act, **caller):
    caller = dataclasses.replace(make.caller(professional), **caller)
    with gate.enter(caller, Act.RECORD, Event.ACCESS_GRANTED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def authorise(dossier, doctor, until=NOW + DAY, **more):
    return by_holder(dossier, lambda entry: grants.authorise(entry, doctor, until, source="page", **more))


def record(dossier, doctor, until=NOW + DAY, caller=None, **more):
    return by_professional(
        dossier,
        doctor,
        lambda entry: grants.authorise(entry, doctor, until, source="api", **more),
        **(caller or {}),
    )


def said_by(holder, doctor, event, **detail):
    """What the trail says of an act of the holder on this professional."""
    return said_by_holder(
        holder,
        event,
        object_kind="professional",
        object_id=doctor.pk,
        object_title=doctor.name,
        detail={"idnat": doctor.idnat, "profession": "10", **detail},
    )


# -- the account ------------------------------------------------------------------------------------------


def test_the_account_of_a_professional_is_made_once_and_has_no_password(doctor):
    user = grants.account_of(doctor)
    assert (user.professional, user.kind, user.first_name, user.last_name) == (
        doctor,
        "professional",
        "Inès",
        "CARON",
    )
    assert user.password.startswith("!") and not user.has_usable_password()
    assert grants.account_of(doctor) == user


# -- authorising ------------------------------------------------------------------------------------------


def test_an_authorisation_is_kept_with_who_gave_it_and_until_when(dossier, doctor, holder):
    grant = authorise(dossier, doctor)
    kept = DossierGrant.objects.get()
    assert kept == grant
    assert (kept.user.professional, kept.content_object, kept.permission.codename) == (
        doctor,
        dossier,
        "consult_dossier",
    )
    assert (kept.since, kept.until, kept.source, kept.granted_by) == (NOW, NOW + DAY, "page", f"holder:{holder.pk}")
    assert (kept.extent, kept.families, kept.express, kept.team) == ("general", [], False, None)
    assert kept.history.get().history_user_id == f"holder:{holder.pk}"
    until = (NOW + DAY).isoformat()
    assert told(acts(dossier)[0]) == said_by(
        holder, doctor, "access_granted", until=until, source="page", extent="general"
    )


def test_its_limits_are_kept(dossier, doctor):
    team = uuid7()
    chosen = ["ordonnances", "comptes-rendus", "ordonnances"]
    grant = authorise(dossier, doctor, extent="limited", families=chosen, express=True, team=team)
    kept = DossierGrant.objects.get()
    assert (kept.extent, kept.families, kept.express, kept.team) == (
        "limited",
        ["comptes-rendus", "ordonnances"],
        True,
        team,
    )
    assert last_told(dossier)["detail"]["extent"] == "limited"
    assert grant.pk == authorise(dossier, doctor, extent="emergency", families=["ordonnances"]).pk  # one row, changed
    kept.refresh_from_db()
    assert (kept.extent, kept.families, kept.express, kept.team) == ("emergency", [], False, None)


@pytest.mark.parametrize(
    ("until", "good"),
    [
        (NOW - DAY, False),
        (NOW, False),
        (NOW + dt.timedelta(microseconds=1), True),
        (NOW + 366 * DAY, True),
        (NOW + 366 * DAY + dt.timedelta(microseconds=1), False),
    ],
)
def test_an_authorisation_ends_between_now_and_a_year(dossier, doctor, until, good):
    if good:
        assert authorise(dossier, doctor, until).until == until
    else:
        refused("until", "Choisissez une fin entre demain et dans 365 jours.", authorise, dossier, doctor, until)
        assert not DossierGrant.objects.exists()


@pytest.mark.parametrize("families", [[], ["rien"], ["ordonnances", "rien"]])
def test_a_limited_one_names_families_of_the_table(dossier, doctor, families):
    words = "Choisissez au moins une famille de documents."
    refused("families", words, authorise, dossier, doctor, extent="limited", families=families)


def test_a_blocked_professional_is_not_authorised(dossier, doctor, clock):
    by_holder(dossier, lambda entry: grants.block(entry, doctor))
    refused("blocked", "Ce professionnel est bloqué. Débloquez-le d'abord.", authorise, dossier, doctor)
    by_holder(dossier, lambda entry: grants.unblock(entry, doctor))
    clock.shift(dt.timedelta(seconds=1))
    assert authorise(dossier, doctor)


def test_a_block_elsewhere_or_of_another_changes_nothing(dossier, doctor):
    make.forbid(make.DossierFactory(), doctor)
    make.forbid(dossier, make.ProfessionalFactory())
    assert authorise(dossier, doctor)


def test_who_needs_an_express_consent_does_not_record_it_himself(dossier, doctor):
    refused("express", grants.NEEDS_EXPRESS, record, dossier, doctor, caller={"needs_express": True})
    assert record(dossier, doctor, caller={"needs_express": True}, express=True).express is True


# -- what the holder decided, a professional does not widen -------------------------------------------------

LIMITED = {"extent": "limited", "families": ["comptes-rendus", "ordonnances"]}
DECIDED = (
    "Le titulaire a fixé lui-même ce que vous pouvez consulter et jusqu'à quand. Pour aller au-delà, "
    "demandez-lui son accord (POST /api/v1/dossiers/{id}/demandes)."
)


@pytest.mark.parametrize(
    ("decided", "asked", "kept"),
    [
        ({}, {}, True),
        ({}, {"extent": "emergency"}, True),
        ({}, LIMITED, True),
        (LIMITED, LIMITED, True),
        (LIMITED, {"extent": "limited", "families": ["ordonnances"]}, True),
        (LIMITED, {"extent": "limited", "families": ["ordonnances", "biologie"]}, False),
        (LIMITED, {}, False),
        (LIMITED, {"extent": "emergency"}, False),
        ({"extent": "emergency"}, {"extent": "emergency"}, True),
        ({"extent": "emergency"}, {}, False),
        ({"extent": "emergency"}, {"extent": "limited", "families": ["ordonnances"]}, False),
    ],
)
def test_what_the_holder_set_himself_stands(dossier, doctor, decided, asked, kept):
    grant = authorise(dossier, doctor, express=True, **decided)
    before = DossierGrant.objects.values().get()
    if kept:
        assert record(dossier, doctor, **asked) == grant
        said = last_told(dossier)
        assert (said["event"], said["detail"]) == ("access_granted", {"kept": True})
    else:
        refused("decided", DECIDED, record, dossier, doctor, **asked)
    assert DossierGrant.objects.values().get() == before


@pytest.mark.parametrize(("beyond", "kept"), [(DAY, True), (DAY + dt.timedelta(microseconds=1), False)])
def test_nor_longer_than_a_day_beyond(dossier, doctor, beyond, kept):
    authorise(dossier, doctor, NOW + 10 * DAY, express=True)
    if kept:
        assert record(dossier, doctor, NOW + 10 * DAY + beyond).until == NOW + 10 * DAY
    else:
        refused("decided", DECIDED, record, dossier, doctor, NOW + 10 * DAY + beyond)


def test_what_he_did_not_say_himself_a_professional_may_change(dossier, doctor):
    authorise(dossier, doctor, extent="emergency", express=False)
    assert record(dossier, doctor, NOW + 20 * DAY).extent == "general"


def test_what_was_said_of_another_binds_nobody_else(dossier, doctor):
    authorise(dossier, make.ProfessionalFactory(), extent="emergency", express=True)
    assert record(dossier, doctor).extent == "general"


def test_the_holder_changes_his_own_word(dossier, doctor):
    authorise(dossier, doctor, extent="emergency", express=True)
    assert authorise(dossier, doctor, NOW + 20 * DAY, express=True).extent == "general"


# -- ending -----------------------------------------------------------------------------------------------


def test_withdrawing_ends_the_authorisation_and_the_quality_of_treating_doctor(dossier, doctor, holder):
    other = make.ProfessionalFactory()
    authorise(dossier, other)
    authorise(dossier, doctor)
    by_holder(dossier, lambda entry: grants.name_treating(entry, doctor, source="page"))
    by_holder(dossier, lambda entry: grants.withdraw(entry, doctor))
    ended = DossierGrant.objects.filter(user__professional=doctor)
    assert {(one.until, one.history.filter(until=NOW).get().history_user_id) for one in ended} == {
        (NOW, f"holder:{holder.pk}")
    }
    assert ended.count() == 2
    assert DossierGrant.objects.get(user__professional=other).until == NOW + DAY
    assert last_told(dossier) == said_by(holder, doctor, "access_withdrawn")
    refused(
        "none",
        "Ce professionnel n'a pas d'autorisation en cours.",
        by_holder,
        dossier,
        lambda entry: grants.withdraw(entry, doctor),
    )


# -- the treating doctor ------------------------------------------------------------------------------------


def name(dossier, doctor):
    return by_holder(dossier, lambda entry: grants.name_treating(entry, doctor, source="page"))


def test_a_treating_doctor_is_one_at_a_time(dossier, doctor, holder, clock):
    first = name(dossier, doctor)
    assert (first.permission.codename, first.since, first.until) == ("consult_masked", NOW, None)
    assert (first.source, first.granted_by) == ("page", f"holder:{holder.pk}")
    assert last_told(dossier) == said_by(holder, doctor, "treating_named", source="page")
    clock.shift(DAY)
    other = make.ProfessionalFactory()
    second = name(dossier, other)
    first.refresh_from_db()
    assert (first.until, second.until) == (NOW + DAY, None)
    assert [told(one) for one in acts(dossier)[1:]] == [
        said_by(holder, doctor, "treating_ended"),
        said_by(holder, other, "treating_named", source="page"),
    ]


def test_naming_the_same_again_ends_nothing(dossier, doctor):
    first = name(dossier, doctor)
    assert name(dossier, doctor).pk == first.pk
    assert [one.event for one in acts(dossier)] == ["treating_named", "treating_named"]


def test_a_treating_doctor_is_a_doctor_and_not_blocked(dossier, doctor):
    nurse = make.ProfessionalFactory(nurse=True)
    refused("profession", "Le médecin traitant est un médecin.", name, dossier, nurse)
    make.forbid(dossier, doctor)
    make.forbid(make.DossierFactory(), make.ProfessionalFactory())
    refused("blocked", "Ce professionnel est bloqué. Débloquez-le d'abord.", name, dossier, doctor)
    assert name(dossier, make.ProfessionalFactory())


def test_ending_a_treating_doctor_leaves_his_authorisation(dossier, doctor, holder):
    authorise(dossier, doctor)
    name(dossier, doctor)
    by_holder(dossier, lambda entry: grants.end_treating(entry, doctor))
    assert last_told(dossier) == said_by(holder, doctor, "treating_ended")
    assert dict(DossierGrant.objects.values_list("permission__codename", "until")) == {
        "consult_dossier": NOW + DAY,
        "consult_masked": NOW,
    }
    refused(
        "none",
        "Ce professionnel n'est pas votre médecin traitant.",
        by_holder,
        dossier,
        lambda entry: grants.end_treating(entry, doctor),
    )


# -- blocking ---------------------------------------------------------------------------------------------


def test_a_block_ends_every_right_and_is_kept(dossier, doctor, holder):
    authorise(dossier, doctor)
    name(dossier, doctor)
    row = by_holder(dossier, lambda entry: grants.block(entry, doctor))
    assert (row.dossier, row.user.professional, row.blocked_by) == (dossier, doctor, f"holder:{holder.pk}")
    assert row.until is None
    assert row.history.get().history_user_id == f"holder:{holder.pk}"
    assert set(DossierGrant.objects.values_list("until", flat=True)) == {NOW}
    assert last_told(dossier) == said_by(holder, doctor, "professional_blocked")
    refused(
        "blocked",
        "Ce professionnel est déjà bloqué.",
        by_holder,
        dossier,
        lambda entry: grants.block(entry, doctor),
    )


def test_a_block_here_needs_none_elsewhere(dossier, doctor):
    make.forbid(make.DossierFactory(), doctor)
    make.forbid(dossier, make.ProfessionalFactory())
    assert by_holder(dossier, lambda entry: grants.block(entry, doctor))


def test_lifting_a_block_gives_no_right_back(dossier, doctor, holder, clock):
    authorise(dossier, doctor)
    other = make.forbid(dossier, make.ProfessionalFactory())
    elsewhere = make.forbid(make.DossierFactory(), doctor)
    row = by_holder(dossier, lambda entry: grants.block(entry, doctor))
    clock.shift(DAY / 2)
    by_holder(dossier, lambda entry: grants.unblock(entry, doctor))
    row.refresh_from_db()
    assert row.until == NOW + DAY / 2
    assert row.history.latest().history_user_id == f"holder:{holder.pk}"
    assert set(Block.objects.running()) == {other, elsewhere}
    assert not DossierGrant.rights.running().exists()
    assert last_told(dossier) == said_by(holder, doctor, "professional_unblocked")
    refused(
        "none",
        "Ce professionnel n'est pas bloqué.",
        by_holder,
        dossier,
        lambda entry: grants.unblock(entry, doctor),
    )


def test_a_right_given_again_starts_again(dossier, doctor, clock):
    first = authorise(dossier, doctor)
    clock.shift(DAY / 2)
    by_holder(dossier, lambda entry: grants.withdraw(entry, doctor))
    again = authorise(dossier, doctor, NOW + 3 * DAY)
    assert (again.pk, again.since, again.until) == (first.pk, NOW + DAY / 2, NOW + 3 * DAY)
    assert again.history.count() == 3


@pytest.mark.parametrize("held", ["consult_dossier", "consult_masked", "document", "emergency"])
def test_whatever_he_has_alone_is_ended_by_a_withdrawal(held):
    dossier, doctor = make.DossierFactory(), make.ProfessionalFactory()
    if held == "document":
        make.open_document(make.DocumentFactory(dossier=dossier), doctor)
    elif held == "emergency":
        times = {"since": timezone.now(), "until": timezone.now() + dt.timedelta(hours=4)}
        user = make.account(doctor)
        EmergencyAccess.objects.create(dossier=dossier, user=user, kind="break_glass", reason="x", **times)
    else:
        make.permit(dossier, doctor, held)
    with gate.enter(make.holder(dossier), Act.AUTHORISE, Event.ACCESS_WITHDRAWN, dossier_id=dossier.pk) as entry:
        grants.withdraw(entry, doctor)
        with pytest.raises(ValidationError) as error:
            grants.withdraw(entry, doctor)
    assert error.value.code == "none"
