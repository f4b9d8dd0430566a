"""What a token makes of its bearer, field by field, and when the issuer's keys are read again."""

import datetime as dt
import json
import time
from dataclasses import asdict, replace

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from access import demo_issuer, ended_sessions, identity
from access.facts import Purpose, Role
from access.identity import BearerAuthentication, Claims, IsProfessional, WorkSituation
from access.models import EndedSession, Professional, User
from audit.trail import ActorKind
from tests import factories as make

pytestmark = pytest.mark.django_db

IDNAT = "810000000005"
PLACE = {
    "numeroFinessSite": "990001111",
    "numeroSiretSite": "11111111111111",
    "identifiantTechniqueDeLaStructure": "R10000001111",
    "raisonSocialeSite": "Cabinet des Lilas",
    "codeSecteurDactivite": "SA07",
}
SAID = {
    "iss": "https://psc.test",
    "aud": "dmp",
    "acr": "eidas1",
    "sub": "f:psc:1",
    "sid": "session-1",
    "iat": 1_800_000_000,
    "exp": 1_800_003_600,
    "SubjectNameID": IDNAT,
    "family_name": "MOREL",
    "given_name": "Paul",
    "SubjectRefPro": {
        "exercices": [{"codeProfession": "10", "codeSavoirFaire": "SM54", "activities": [PLACE]}],
    },
}
FIRST = WorkSituation("990001111", "10", "SM54", "1990001111", "Cabinet des Lilas", "SA07")


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch, settings):
    monkeypatch.setattr(identity, "_verified", {})
    monkeypatch.setattr(identity, "keys", identity.Keys())
    settings.PSC_LEVELS = ["eidas1"]


@pytest.fixture
def clock(time_machine):
    time_machine.move_to(1_800_000_000, tick=False)
    return time_machine


def token(key=None, header=None, **claims):
    said = SAID | claims
    key = key or demo_issuer.key()
    return jwt.encode(
        {"alg": "RS256", "kid": key.kid} | (header or {}), {k: v for k, v in said.items() if v is not None}, key
    )


def come(text=None, **headers):
    request = APIRequestFactory().get("/", headers={"Authorization": f"Bearer {text or token()}"} | headers)
    return BearerAuthentication().authenticate(Request(request))


def refused(kind, words, act, *args, **more):
    with pytest.raises(kind) as error:
        act(*args, **more)
    assert str(error.value.detail) == words


# -- what verified claims say -------------------------------------------------------------------------------


def test_claims_are_read_whole(clock):
    assert identity.read_claims(SAID) == Claims(
        idnat=IDNAT,
        family="MOREL",
        given="Paul",
        level="eidas1",
        regulation=False,
        situations=(FIRST,),
        expires=1_800_000_060,  # a minute, for it ends later
        sub="f:psc:1",
        sid="session-1",
        issued=1_800_000_000,
    )


def test_what_is_not_said_is_empty(clock):
    said = {"acr": "eidas1", "sub": "x", "exp": 1_800_000_030, "preferred_username": IDNAT}
    found = identity.read_claims(said)
    assert (found.idnat, found.family, found.given, found.sid, found.issued) == (IDNAT, "", "", "", 0.0)
    assert (found.situations, found.regulation, found.expires) == ((), False, 1_800_000_030)
    for nothing in (None, {}, {"exercices": None}, {"exercices": []}):
        assert identity.read_claims(said | {"SubjectRefPro": nothing}).situations == ()


def test_the_name_of_the_card_comes_before_the_other_one():
    assert identity.read_claims(SAID | {"preferred_username": "899999999999"}).idnat == IDNAT
    assert identity.read_claims(SAID | {"SubjectNameID": "", "preferred_username": "8" * 12}).idnat == "8" * 12


@pytest.mark.parametrize("idnat", ["", None, "8" * 8, "8" * 21, "81000000000é", "81000 000005", "810000000-05"])
def test_a_national_identity_is_nine_to_twenty_plain_signs(idnat):
    words = "Le jeton ne porte pas d'identité nationale de professionnel."
    refused(AuthenticationFailed, words, identity.read_claims, SAID | {"SubjectNameID": idnat})


@pytest.mark.parametrize("level", [None, "", "eidas0", "EIDAS1"])
def test_the_level_of_authentication_is_one_of_ours(level):
    words = "Le niveau d'authentification du jeton ne suffit pas : il faut eIDAS substantiel."
    refused(AuthenticationFailed, words, identity.read_claims, SAID | {"acr": level})


@pytest.mark.parametrize(("said", "regulates"), [("VRAI", True), (True, True), ("FAUX", False), ("vrai", False)])
def test_regulation_is_what_the_issuer_says(said, regulates):
    assert identity.read_claims(SAID | {"Acces_Regulation_Medicale": said}).regulation is regulates


@pytest.mark.parametrize("shape", ["médecin", 3, {"exercices": 4}, {"exercices": ["x"]}])
def test_another_shape_is_refused(shape):
    words = "Le jeton a une forme inattendue."
    refused(AuthenticationFailed, words, identity.read_claims, SAID | {"SubjectRefPro": shape})


def test_names_are_cut_at_what_a_column_holds():
    long = identity.read_claims(SAID | {"sub": "s" * 256, "sid": "d" * 256})
    assert (long.sub, long.sid) == ("s" * 255, "d" * 255)


@pytest.mark.parametrize(
    ("place", "name", "structure"),
    [
        (PLACE, "990001111", "1990001111"),
        (PLACE | {"numeroFinessSite": ""}, "11111111111111", "311111111111111"),
        (PLACE | {"numeroFinessSite": None, "numeroSiretSite": None}, "R10000001111", "R10000001111"),
        ({}, "", ""),
    ],
)
def test_a_place_of_work_is_its_finess_else_its_siret_else_its_own_number(place, name, structure):
    found = identity._situation({"codeProfession": "10"}, place)
    assert (found.name, found.structure_id) == (name, structure)


def test_each_activity_of_each_practice_is_a_situation_and_none_is_one_too():
    other = PLACE | {"numeroFinessSite": "990002222"}
    exercices = [{"codeProfession": "10", "activities": [PLACE, other]}, {"codeProfession": "60", "activities": []}]
    found = identity.read_claims(SAID | {"SubjectRefPro": {"exercices": exercices}}).situations
    assert [(one.name, one.profession) for one in found] == [("990001111", "10"), ("990002222", "10"), ("", "60")]
    assert found[2] == WorkSituation("", "60", "", "", "", "")


def test_what_a_place_says_is_cut_at_what_a_column_holds():
    place = {
        "identifiantTechniqueDeLaStructure": "i" * 61,
        "raisonSocialeSite": "r" * 201,
        "codeSecteurDactivite": "s" * 11,
    }
    found = identity._situation({"codeProfession": "1" * 11, "codeSavoirFaire": "2" * 11}, place)
    assert found == WorkSituation("i" * 61, "1" * 10, "2" * 10, "i" * 60, "r" * 200, "s" * 10)


def test_a_situation_is_told_in_words(code_tables):
    assert FIRST.label.startswith("Médecin, ")
    assert WorkSituation("", "10", "", "", "").label == "Médecin"


# -- which situation ------------------------------------------------------------------------------------------


def claims(*situations):
    return replace(identity.read_claims(SAID), situations=situations)


SECOND = WorkSituation("990002222", "10", "", "1990002222", "Clinique", "SA01")


@pytest.mark.parametrize("wanted", ["990002222", "1990002222"])
def test_a_situation_is_named_by_either_number(wanted):
    assert identity.choose(claims(FIRST, SECOND), wanted) == SECOND


def test_the_only_one_is_chosen_by_itself():
    assert identity.choose(claims(FIRST), "") == FIRST


def test_no_situation_a_wrong_one_or_several_are_said():
    refused(PermissionDenied, "Aucune situation d'exercice n'est connue.", identity.choose, claims(), "990001111")
    words = "La situation nommée dans l'en-tête DMP-Situation n'est pas des vôtres."
    refused(PermissionDenied, words, identity.choose, claims(FIRST), "990002222")
    nowhere = WorkSituation("", "60", "", "", "")
    words = (
        "Plusieurs situations d'exercice : nommez-en une (DMP-Situation). "
        "Choix : 990001111, 990002222, (sans structure)."
    )
    refused(PermissionDenied, words, identity.choose, claims(FIRST, SECOND, nowhere), "")


@pytest.mark.parametrize(("said", "purpose"), [(None, "care"), (" Secret ", "secret"), ("REGULATION", "regulation")])
def test_a_purpose_is_said_or_is_care(said, purpose):
    headers = {"DMP-Purpose": said} if said else {}
    assert identity.purpose_of(Request(APIRequestFactory().get("/", headers=headers))) == Purpose(purpose)


def test_a_purpose_that_is_none_is_told_the_choices():
    request = Request(APIRequestFactory().get("/", headers={"DMP-Purpose": "x"}))
    words = f"L'en-tête DMP-Purpose vaut l'un de : {', '.join(Purpose)}."
    refused(PermissionDenied, words, identity.purpose_of, request)


# -- the caller -----------------------------------------------------------------------------------------------


def test_a_token_makes_a_caller(clock):
    user, caller = come()
    assert user == caller.user == User.objects.get()
    assert caller.role == Role.PROFESSIONAL
    assert (caller.purpose, caller.regulator, caller.needs_express) == (Purpose.CARE, False, False)
    said = asdict(caller.actor)
    assert {name: said[name] for name in said if said[name]} == {
        "kind": ActorKind.PROFESSIONAL,
        "id": IDNAT,
        "name": str(user.professional),
        "profession": "10",
        "structure_id": "1990001111",
        "structure_name": "Cabinet des Lilas",
        "means": "psc",
    }


def test_what_the_token_adds_goes_with_the_caller(clock):
    place = PLACE | {"codeSecteurDactivite": "SA15"}
    exercices = [{"codeProfession": "10", "activities": [place, PLACE | {"numeroFinessSite": "990002222"}]}]
    text = token(SubjectRefPro={"exercices": exercices}, Acces_Regulation_Medicale=True)
    _, caller = come(text, **{"DMP-Situation": " 990001111 ", "DMP-Purpose": "emergency"})
    assert (caller.purpose, caller.regulator, caller.needs_express) == (Purpose.EMERGENCY, True, True)
    _, caller = come(text, **{"DMP-Situation": "990002222"})
    assert (caller.regulator, caller.needs_express) == (True, False)


def test_a_first_visit_makes_the_professional_and_his_account(clock):
    come()
    made = Professional.objects.get()
    assert (made.idnat, made.family, made.given, made.profession, made.speciality) == (
        IDNAT,
        "MOREL",
        "Paul",
        "10",
        "SM54",
    )
    come(token(family_name="AUTRE"))
    assert (Professional.objects.get().family, User.objects.count()) == ("MOREL", 1)


def test_the_account_that_is_known_is_the_one_that_comes(clock):
    known = make.account(make.ProfessionalFactory(idnat=IDNAT, family="ANCIEN"))
    make.account(make.ProfessionalFactory())
    user, _ = come()
    assert (user, user.professional.family, user.email, user.is_active) == (known, "ANCIEN", known.email, True)
    assert {one._state.db for one in (user, user.professional)} == {"default"}


@pytest.mark.parametrize("which", ["account", "professional"])
def test_who_is_not_active_any_more_does_not_come(clock, which):
    user = make.account(make.ProfessionalFactory(idnat=IDNAT, active=which != "professional"))
    User.objects.filter(pk=user.pk).update(is_active=which != "account")
    refused(
        AuthenticationFailed, "Ce compte professionnel n'est plus actif. Voyez votre ordre ou l'exploitant.", come
    )


@pytest.mark.parametrize(
    ("ended", "refusal"),
    [
        ({"sid": "session-1"}, True),
        ({"sub": "f:psc:1"}, True),
        ({"sid": "session-2"}, False),
        ({"sub": "f:psc:2"}, False),
    ],
)
def test_a_session_that_the_issuer_ended_does_not_come(clock, ended, refusal):
    at = dt.datetime.fromtimestamp(1_800_000_001, dt.UTC)
    ended_sessions.end(**{"jti": "j", "sub": "", "sid": "", "at": at} | ended)
    assert EndedSession.objects.exists()
    if refusal:
        words = "Cette session est terminée. Connectez-vous de nouveau à Pro Santé Connect."
        refused(AuthenticationFailed, words, come)
    else:
        assert come()


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_without_a_bearer_s_token_somebody_else_says_who_calls(header):
    request = Request(APIRequestFactory().get("/", headers={"Authorization": header}))
    assert BearerAuthentication().authenticate(request) is None
    assert BearerAuthentication().authenticate(Request(APIRequestFactory().get("/"))) is None


def test_the_word_bearer_is_written_as_one_likes(clock):
    request = APIRequestFactory().get("/", headers={"Authorization": f"bEaRer  {token()} "})
    assert BearerAuthentication().authenticate(Request(request))[1].actor.id == IDNAT


def test_only_a_caller_is_a_professional(clock):
    request = Request(APIRequestFactory().get("/"))
    request.auth = come()[1]
    assert IsProfessional().has_permission(request, None) is True
    request.auth = "somebody"
    assert IsProfessional().has_permission(request, None) is False


# -- the token itself -----------------------------------------------------------------------------------------

NOT_GOOD = "Le jeton d'accès n'est pas valable. Demandez-en un nouveau à Pro Santé Connect."


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://autre.test"},
        {"iss": None},
        {"aud": "autre"},
        {"aud": None},
        {"sub": None},
        {"exp": None},
        {"exp": 1_799_999_969},
        {"nbf": 1_800_000_031},
        {"events": {}},
        {"typ": "ID"},
        {"typ": "Logout"},
        {"typ": "Refresh"},
    ],
    ids=str,
)
def test_a_token_that_is_not_ours_says_nothing_of_why(clock, change):
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, token(**change))


@pytest.mark.parametrize("typ", ["logout+jwt", "Logout+JWT"])
def test_nor_a_logout_token_by_its_header(clock, typ):
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, token(header={"typ": typ}))


@pytest.mark.parametrize(
    "change", [{"exp": 1_799_999_971}, {"nbf": 1_800_000_029}, {"typ": "Bearer"}, {"aud": ["dmp", "autre"]}]
)
def test_clocks_may_differ_by_half_a_minute(clock, change):
    assert identity.verify(token(**change)).idnat == IDNAT


@pytest.mark.parametrize("text", ["", "x", "x.y.z"])
def test_what_is_no_token_is_refused(text):
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, text)


def test_another_s_key_and_an_algorithm_that_is_not_pinned_are_refused(clock, settings):
    other = RSAKey.generate_key(2048, {"kid": demo_issuer.key().kid})
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, token(key=other))
    settings.PSC_ALGORITHMS = ["ES256"]
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, token())


def test_keys_that_cannot_be_read_are_said_alike(clock, settings, tmp_path):
    settings.PSC_JWKS = str(tmp_path / "absent.json")
    refused(AuthenticationFailed, NOT_GOOD, identity.verify, token())


def test_a_verified_token_is_believed_until_it_ends(clock, monkeypatch):
    text = token(exp=1_800_000_030)
    first = identity.verify(text)
    monkeypatch.setattr(identity, "read_claims", lambda said: "read again")
    assert identity.verify(text) is first
    clock.move_to(1_800_000_029.9, tick=False)
    assert identity.verify(text) is first
    clock.move_to(1_800_000_030, tick=False)
    assert identity.verify(text) == "read again"
    assert identity.verify(token(sub="f:psc:2")) == "read again"


def test_a_thousand_verified_tokens_are_kept_and_no_more(clock, monkeypatch):
    for already, after in [(1000, 1001), (1001, 1)]:
        monkeypatch.setattr(identity, "_verified", dict.fromkeys(range(already)))
        identity.verify(token())
        assert len(identity._verified) == after


# -- the issuer's keys ----------------------------------------------------------------------------------------


class Reads:
    """How often the keys are read, by a clock that a test moves."""

    def __init__(self, monkeypatch):
        self.count, self.now = 0, 1000.0
        monkeypatch.setattr(identity.Keys, "_read", self.read)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def read(self, *_):
        self.count += 1
        return {"keys": [demo_issuer.key().as_dict(private=False)]}


def test_keys_are_kept_five_minutes(monkeypatch):
    reads, keys = Reads(monkeypatch), identity.Keys()
    first = keys.get()
    reads.now += 300
    assert keys.get() is first
    assert reads.count == 1
    reads.now += 0.1
    assert keys.get() is not first
    assert reads.count == 2


def test_fresh_keys_are_asked_for_every_five_seconds_at_most(monkeypatch):
    reads, keys = Reads(monkeypatch), identity.Keys()
    keys.get(fresh=True)
    reads.now += 5
    keys.get(fresh=True)
    assert reads.count == 1
    reads.now += 0.1
    keys.get()
    assert reads.count == 1
    keys.get(fresh=True)
    assert reads.count == 2


def test_a_key_that_is_new_at_the_issuer_is_found(clock, settings, tmp_path, monkeypatch):
    old, new = (RSAKey.generate_key(2048, {"kid": name}) for name in ("old", "new"))
    path = tmp_path / "jwks.json"
    settings.PSC_JWKS = str(path)
    path.write_text(json.dumps({"keys": [old.as_dict(private=False)]}))
    assert identity.verify(token(key=old)).idnat == IDNAT
    path.write_text(json.dumps({"keys": [new.as_dict(private=False)]}))
    identity.keys._read_at -= 6
    assert identity.verify(token(key=new)).idnat == IDNAT
