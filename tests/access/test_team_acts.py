"""A care team: what the holder's consent keeps, what a member gets, and how it all ends. Whole rows and traces."""

import datetime as dt

import pytest

from access import gate, grants, teams
from access.facts import Act
from access.models import CareTeam, DossierGrant
from audit.scoped import uuid7
from audit.trail import Event
from patients.models import Notice
from tests import factories as make
from tests.access.acts import DAY, NOW, refused, said_by_holder
from tests.told import acts, last_told, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def by_holder(dossier, act):
    with gate.enter(make.holder(dossier), Act.MANAGE, Event.TEAM_AGREED, dossier_id=dossier.pk, lock=True) as entry:
        found = act(entry)
        if not entry.traced:
            entry.trace()
        return found


def by_member(dossier, member, act):
    with gate.enter(make.caller(member), Act.RECORD, Event.TEAM_JOINED, dossier_id=dossier.pk, lock=True) as entry:
        return act(entry)


def agree(dossier, name="Soins palliatifs", until=NOW + 30 * DAY):
    return by_holder(dossier, lambda entry: teams.agree(entry, name, until))


def join(dossier, team, member):
    return by_holder(dossier, lambda entry: teams.join(entry, team, member))


def bring(dossier, member, other):
    return by_member(dossier, member, lambda entry: teams.join_as_member(entry, other))


def end(dossier, team):
    return by_holder(dossier, lambda entry: teams.end(entry, team))


def test_the_initial_consent_is_the_holder_s_and_dated(dossier):
    holder = make.holder_of(dossier)
    team = agree(dossier)
    kept = CareTeam.objects.get()
    assert kept == team
    assert (kept.dossier, kept.name, kept.since, kept.until) == (dossier, "Soins palliatifs", NOW, NOW + 30 * DAY)
    assert (kept.source, kept.consented_by) == ("web", f"holder:{holder.pk}")
    assert kept.history.get().history_user_id == f"holder:{holder.pk}"
    assert last_told(dossier) == said_by_holder(
        holder,
        "team_agreed",
        object_kind="team",
        object_id=team.pk,
        object_title="Soins palliatifs",
        detail={"team": "Soins palliatifs", "until": (NOW + 30 * DAY).isoformat()},
    )


def test_a_member_has_a_right_of_his_own_until_the_team_s_end(dossier, doctor, clock):
    holder = make.holder_of(dossier)
    team = agree(dossier)
    clock.shift(DAY)
    grant = join(dossier, team, doctor)
    assert (grant.user.professional, grant.since, grant.until) == (doctor, NOW + DAY, NOW + 30 * DAY)
    assert (grant.source, grant.team, grant.express, grant.extent) == ("web", team.pk, False, "general")
    assert told(acts(dossier)[-1]) == said_by_holder(
        holder,
        "team_joined",
        object_kind="professional",
        object_id=doctor.pk,
        object_title=doctor.name,
        detail={"team": "Soins palliatifs", "idnat": doctor.idnat, "profession": "10"},
    )
    assert [one.kind for one in Notice.objects.filter(dossier=dossier)] == ["access_granted"]


def test_a_member_brings_another_in_under_his_own_name(dossier, doctor):
    team = agree(dossier)
    join(dossier, team, doctor)
    other = make.ProfessionalFactory()
    grant = bring(dossier, doctor, other)
    assert (grant.source, grant.team, grant.granted_by) == ("team", team.pk, f"professional:{doctor.idnat}")
    said = last_told(dossier)
    assert (said["event"], said["object_id"], said["actor_id"]) == ("team_joined", other.pk, doctor.idnat)


NO_TEAM = "Vous n'êtes membre d'aucune équipe de soins autorisée par le titulaire."


def test_who_is_in_no_running_team_brings_nobody(dossier, doctor, clock):
    other = make.ProfessionalFactory()
    refused("none", NO_TEAM, bring, dossier, doctor, other)
    make.permit(dossier, doctor)  # authorised, but by no team
    refused("none", NO_TEAM, bring, dossier, doctor, other)
    DossierGrant.objects.all().delete()
    team = agree(dossier, until=NOW + DAY)
    join(dossier, team, make.ProfessionalFactory())  # somebody else's membership
    refused("none", NO_TEAM, bring, dossier, doctor, other)
    join(dossier, team, doctor)
    CareTeam.objects.update(until=NOW)
    refused("none", NO_TEAM, bring, dossier, doctor, other)


def test_a_team_that_ended_or_is_of_another_dossier_takes_nobody(dossier, doctor, clock):
    team = agree(dossier, until=NOW + DAY)
    words = "L'autorisation de cette équipe a pris fin."
    refused("ended", words, join, make.DossierFactory(), team, doctor)
    clock.move_to(NOW + DAY - dt.timedelta(seconds=1), tick=False)
    assert join(dossier, team, doctor)
    clock.move_to(NOW + DAY, tick=False)
    refused("ended", words, join, dossier, team, make.ProfessionalFactory())


def test_who_practises_no_more_or_is_in_already_does_not_join(dossier, doctor):
    team = agree(dossier)
    gone = make.ProfessionalFactory(active=False)
    refused("inactive", "Ce professionnel n'exerce plus.", join, dossier, team, gone)
    make.treat(dossier, doctor)  # the treating doctor may be a member too
    join(dossier, team, doctor)
    words = "Ce professionnel a déjà une autorisation en cours."
    refused("already", words, join, dossier, team, doctor)
    blocked = make.ProfessionalFactory()
    make.forbid(dossier, blocked)
    refused("blocked", "Ce professionnel est bloqué. Débloquez-le d'abord.", join, dossier, team, blocked)


def test_ending_a_team_ends_each_member_and_nobody_else(dossier, doctor, clock):
    holder = make.holder_of(dossier)
    team, other_team = agree(dossier), agree(dossier, "Diabète")
    second, other, alone = (make.ProfessionalFactory() for _ in range(3))
    for member in (doctor, second):
        join(dossier, team, member)
    join(dossier, other_team, other)
    make.permit(dossier, alone)
    clock.shift(DAY)
    assert end(dossier, team) == 2
    ended = DossierGrant.objects.filter(team=team.pk)
    assert {(one.until, one.history.latest().history_user_id) for one in ended} == {
        (NOW + DAY, f"holder:{holder.pk}")
    }
    assert set(DossierGrant.rights.running().values_list("user__professional", flat=True)) == {other.pk, alone.pk}
    team.refresh_from_db()
    assert team.until == NOW + DAY
    assert team.history.latest().history_user_id == f"holder:{holder.pk}"
    assert last_told(dossier) == said_by_holder(
        holder,
        "team_ended",
        object_kind="team",
        object_id=team.pk,
        object_title="Soins palliatifs",
        detail={"team": "Soins palliatifs"},
    )
    words = "L'autorisation de cette équipe a déjà pris fin."
    refused("ended", words, end, dossier, team)
    refused("ended", words, end, make.DossierFactory(), other_team)


def test_running_teams_are_told_by_name_and_found_in_their_own_dossier(dossier, doctor):
    teams_made = [agree(dossier, name) for name in ("Soins palliatifs", "Diabète")]
    agree(make.DossierFactory(), "Ailleurs")
    over = agree(dossier, "Ancienne")
    end(dossier, over)
    join(dossier, teams_made[0], doctor)

    def look(entry):
        members = [one.user.professional for one in teams.members_of(entry, teams_made[0])]
        return list(teams.running(entry)), members, [teams.of(entry, key) for key in (over.pk, uuid7())]

    assert by_holder(dossier, look) == (teams_made[::-1], [doctor], [over, None])
    assert by_holder(make.DossierFactory(), lambda entry: teams.of(entry, over.pk)) is None


def test_whoever_withdraws_leaves_the_team(dossier, doctor):
    team = agree(dossier)
    join(dossier, team, doctor)
    by_holder(dossier, lambda entry: grants.withdraw(entry, doctor))
    assert by_holder(dossier, lambda entry: list(teams.members_of(entry, team))) == []
