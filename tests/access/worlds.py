"""Two worlds that differ only in what one actor may not see, and every door he may knock at."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from hypothesis import strategies as st
from rest_framework.test import APIClient

from access import demo_issuer, gate
from access.facts import Act, Purpose, Right
from access.models import CareTeam, EmergencyAccess, Professional, Representation, User
from access.policy import Scope, decide
from audit import trail
from audit.trail import Event
from documents import entries
from documents.models import Document, Result, SubmissionSet
from fhir import ids
from patients.models import Dossier
from tests import factories as make

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
# type, class, family: read by a general practitioner and vital, only read, only vital, neither
TYPES = [
    ("57833-6", "42", "ordonnances"),
    ("11502-2", "10", "biologie"),
    ("60593-1", "43", "ordonnances"),
    ("ATTEST-RESID", "95", "certificats"),
]
READABLE = ["57833-6", "11502-2"]
TITLES = ["Bilan du genou", "Compte rendu"]
OTHERS = "899999999999"  # the author of what is not the actor's
ANSWERS_OF_ITS_OWN = {"X-Request-Id"}
OF_THE_REQUEST = re.compile(rb'name="(csrfmiddlewaretoken|sending)" value="[^"]+"')

# -- what may lie in a dossier ----------------------------------------------------------------------
MASKS = st.sampled_from([(False, None), (True, None), (True, NOW + DAY), (True, NOW - DAY)])
DOCUMENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(TYPES),
        "mask": MASKS,
        "announced": st.sampled_from([None, None, NOW + DAY, NOW - DAY]),
        "secret": st.booleans(),
        "mine": st.booleans(),
        "state": st.sampled_from(["current", "current", "superseded", "deleted"]),
        "age": st.integers(0, 3),
        "title": st.sampled_from(TITLES),
        "lot": st.sampled_from(["none", "common", "own"]),
        "replaces": st.booleans(),
        "results": st.booleans(),
        "archived": st.booleans(),
    }
)
# What others have or did, that a professional does not learn.
TRACES_OF_OTHERS = st.lists(
    st.sampled_from(["authorised", "treating", "blocked", "glass", "number", "team", "opened"]),
    max_size=3,
    unique=True,
)


def row(dossier: Dossier, kind: dict[str, Any], author: str, *, lot: SubmissionSet | None, replaces: Any) -> Document:
    type_code, class_code, family = kind["type"]
    masked, until = kind["mask"]
    withheld = None if masked else kind["announced"]
    document = make.DocumentFactory.build(
        dossier=dossier,
        type_code=type_code,
        class_code=class_code,
        family=family,
        title=kind["title"],
        masked=masked,
        masked_until=until,
        withheld=withheld is not None,
        visible_from=withheld,
        secret=kind["secret"],
        state=kind["state"],
        archived=kind["archived"],
        created=NOW - kind["age"] * DAY,
        deposited_at=NOW - kind["age"] * DAY,
        author_ids=[OTHERS, author] if kind["mine"] else [OTHERS],
        event_codes=["GENOU"],
        reference_ids=["urn:dmp:venue|1"],
        submission_set=lot,
        replaces_id=replaces,
    )
    document.fhir = entries.text_of(document, "1.2.250.1.213.1.4.10")
    return document


def lot_of(dossier: Dossier, title: str) -> SubmissionSet:
    lot = SubmissionSet(
        dossier=dossier,
        unique_id=f"urn:uuid:{uuid.uuid4()}",
        title=title,
        author_ids=[OTHERS],
        author_family="MOREL",
        date=NOW - DAY,
    )
    lot.fhir = entries.text_of_set(lot)
    return lot


@dataclass
class Pile:
    """Documents to be laid in a dossier, with their lots and results."""

    documents: list[Document]
    lots: list[SubmissionSet]
    results: list[Result]

    def lay(self) -> None:
        SubmissionSet.objects.bulk_create(self.lots)
        Document.objects.bulk_create(self.documents)
        Result.objects.bulk_create(self.results)


def pile(
    dossier: Dossier,
    kinds: list[dict[str, Any]],
    author: str,
    common: SubmissionSet,
    scope: Scope | None = None,
    replaced: Document | None = None,
) -> Pile:
    """Documents of these kinds. Those that `scope` covers are made deleted ones: they exist for nobody."""
    made = Pile([], [], [])
    for kind in kinds:
        lots = {"none": None, "common": common, "own": lot_of(dossier, "à part")}
        options = {"lot": lots[kind["lot"]], "replaces": replaced.pk if replaced and kind["replaces"] else None}
        document = row(dossier, kind, author, **options)
        if scope is not None and (scope.covers(document) or document.state == Document.State.DELETED):
            # Not his: the author of what was deleted is told so.
            document = row(dossier, kind | {"state": "deleted", "mine": False}, author, **options)
        made.documents.append(document)
        made.lots += [lots["own"]] if kind["lot"] == "own" else []
        made.results += [result_of(document)] if kind["results"] else []
    return made


def replacing(shown: Document, hidden: Document) -> None:
    """What he sees turns out to replace something that he does not."""
    shown.replaces = hidden
    shown.fhir = entries.text_of(shown, "1.2.250.1.213.1.4.10")
    shown.save(update_fields=["replaces", "fhir"])


def result_of(document: Document) -> Result:
    return Result(
        dossier=document.dossier,
        document=document,
        rank=0,
        code="718-7",
        display="Hémoglobine",
        value="13",
        number=13,
        unit="g/dL",
        at=document.created,
    )


# -- who asks ---------------------------------------------------------------------------------------
@dataclass
class Actor:
    """Somebody who knocks at doors: `ask(door)` gives the whole answer, whatever is of the request taken away."""

    name: str
    caller: gate.Caller
    client: Any
    professional: bool
    headers: dict[str, str]
    doctor: Professional | None = None  # somebody whom the person authorised

    def scope(self, dossier: Dossier) -> Scope | None:
        """The most he reaches: what he lists, and what he may open by its id."""
        facts = gate.look(self.caller, dossier_id=dossier.pk)[1]
        return decide(Act.OPEN, facts).scope or decide(Act.OWN, facts).scope

    def ask(self, door: tuple[Any, ...]) -> tuple[Any, ...]:
        """Each answer is made in a world that no other request has touched."""
        with untouched():
            answers = [self._ask(*one) for one in (door if isinstance(door[0], tuple) else (door,))]
        return tuple(answers)

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, list[tuple[str, str]], bytes]:
        options: dict[str, Any] = {"data": body} if body is not None else {}
        if method == "patch":
            options["content_type"] = "application/json-patch+json"
        answer = getattr(self.client, method)(path, **options, **self.headers)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        headers = sorted((name, value) for name, value in answer.items() if name not in ANSWERS_OF_ITS_OWN)
        return answer.status_code, headers, OF_THE_REQUEST.sub(b"", content)


@contextmanager
def untouched() -> Iterator[None]:
    """What is done inside is undone. A bare savepoint: the gate's transaction must believe it is the first."""
    here = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(here)


def professional(dossier: Dossier, name: str) -> Actor:
    claims = {"Acces_Regulation_Medicale": "VRAI"} if name == "centre 15" else {}
    who = make.ProfessionalFactory()
    RIGHTS[name](dossier, who)
    make.account(who)
    client = APIClient()
    token = demo_issuer.token(demo_issuer.claims_of(who) | claims)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    purpose = PURPOSES.get(name, "care")
    caller = make.caller(who)
    caller = replace(caller, purpose=Purpose(purpose), regulator=bool(claims))
    return Actor(name, caller, client, True, {"HTTP_DMP_PURPOSE": purpose})


def actor(dossier: Dossier, name: str, client: Any) -> Actor:
    return person(dossier, name, client) if name in PERSONS else professional(dossier, name)


def emergency(kind: str) -> Callable[[Dossier, Professional], Any]:
    return lambda dossier, who: EmergencyAccess.objects.create(
        dossier=dossier, user=make.account(who), kind=kind, reason="chute", since=NOW, until=NOW + DAY
    )


RIGHTS: dict[str, Callable[[Dossier, Professional], Any]] = {
    "authorised": make.permit,
    "limited": lambda dossier, who: make.permit(dossier, who, extent="limited", families=["biologie"]),
    "for emergencies": lambda dossier, who: make.permit(dossier, who, extent="emergency"),
    "without a right": lambda dossier, who: None,
    "ended": lambda dossier, who: make.permit(dossier, who, until=NOW),
    "blocked": make.forbid,
    "treating doctor": make.treat,
    "broken glass": emergency("break_glass"),
    "emergency number": emergency("number"),
    "centre 15": lambda dossier, who: None,
    "secret session": make.permit,
}
PURPOSES = {"centre 15": "regulation", "for emergencies": "emergency", "secret session": "secret"}
PERSONS: dict[str, dict[str, Any]] = {
    "holder": {"role": "holder"},
    "parent": {"role": "parent"},
    "guardian": {"role": "guardian"},
    "carer": {"role": "carer", "rights": [*Right]},
    "carer who only reads": {"role": "carer", "rights": [Right.READ, Right.TRAIL]},
    "carer who reads nothing": {"role": "carer", "rights": [Right.TRAIL, Right.DEPOSIT]},
}


def person(dossier: Dossier, name: str, client: Any) -> Actor:
    user: User = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=user, recorded_by="test", since=NOW - DAY, **PERSONS[name])
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    doctor = make.ProfessionalFactory()
    make.permit(dossier, doctor)
    return Actor(name, make.holder(dossier, user=user), client, False, {}, doctor)


def others(dossier: Dossier, what: list[str], hidden: list[Document]) -> None:
    """Another professional's rights and doings on this dossier."""
    somebody = make.ProfessionalFactory()
    for one in what:
        if one == "team":
            CareTeam.objects.create(
                dossier=dossier, name="Équipe", until=NOW + DAY, source="web", consented_by="holder:test"
            )
        elif one == "opened" and hidden:
            make.open_document(hidden[0], somebody)
        elif one in RIGHTS | {"glass": 0, "number": 0}:
            kinds = {"glass": emergency("break_glass"), "number": emergency("number"), "treating": make.treat}
            (kinds.get(one) or RIGHTS[one])(dossier, somebody)


def traced(dossier: Dossier, hidden: list[Document]) -> None:
    """Others deposited and read it: that is in the trail. What is deleted, a holder may have known."""
    doctor = make.caller(make.ProfessionalFactory())
    for document in hidden:
        if document.state != Document.State.DELETED:
            for event in (Event.DOCUMENT_DEPOSITED, Event.DOCUMENT_READ):
                trail.record(
                    event,
                    by=doctor.actor,
                    dossier_id=dossier.pk,
                    ground="authorised",
                    object_kind="document",
                    object_id=document.pk,
                    object_title=document.title,
                )


# -- the doors --------------------------------------------------------------------------------------
def fhir_doors(dossier: Dossier) -> list[tuple[Any, ...]]:
    matricule = dossier.patient.ins.matricule
    patient = f"patient={dossier.pk.hex}"
    everything = f"/fhir/DocumentReference?{patient}&status=current,superseded"
    return [
        ("get", f"/fhir/DocumentReference?{patient}&status=current"),
        ("get", f"{everything}&_total=accurate"),
        ("get", f"{everything}&_count=1&_total=accurate"),
        ("get", f"{everything}&_count=1&_sort=date"),
        ("get", f"{everything}&_sort=-_lastUpdated&_count=2"),
        ("get", f"{everything}&type=11502-2,ATTEST-RESID&_total=accurate"),
        ("get", f"{everything}&security-label=MASQUE_PS&_total=accurate"),
        ("get", f"{everything}&security-label=INVISIBLE_REPRESENTANTS_LEGAUX&_total=accurate"),
        ("get", f"{everything}&date=ge2026-11-21&author.family=MOR&event=GENOU&_total=accurate"),
        ("get", f"{everything}&related=urn:dmp:venue%7C1&facility=SA07&_total=accurate"),
        ("get", f"/fhir/List?{patient}&code=submissionset&_total=accurate"),
        ("get", f"/fhir/List?{patient}&code=submissionset&status=current&_count=1"),
        ("get", f"/fhir/List?{patient}&code=submissionset&title=%C3%A0%20part&_total=accurate"),
        ("get", f"/fhir/Patient/{dossier.pk.hex}"),
        ("get", f"/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.10%7C{matricule}"),
        ("get", f"/api/v1/dossiers/{dossier.pk.hex}/autorisation"),
        ("get", f"/api/v1/dossiers/{dossier.pk.hex}/depots"),
        ("get", f"/api/v1/dossiers/{dossier.pk.hex}/urgences"),
        ("get", "/api/v1/alertes"),
    ]


def fhir_doors_of(dossier: Dossier, document: Document) -> list[tuple[Any, ...]]:
    """What he would ask if he had guessed a name."""
    name = ids.join(dossier.pk, document.pk)
    patient = f"patient={dossier.pk.hex}&status=current,superseded"
    change = '[{"op":"replace","path":"/status","value":"entered-in-error"}]'
    doors: list[tuple[Any, ...]] = [
        ("get", f"/fhir/DocumentReference/{name}"),
        ("get", f"/fhir/Binary/{name}"),
        ("get", f"/fhir/DocumentReference?{patient}&_id={name}&_total=accurate"),
        ("get", f"/fhir/DocumentReference?{patient}&identifier={document.unique_id}"),
        ("get", f"/fhir/DocumentReference?{patient}&relatesto=DocumentReference/{name}"),
        ("patch", f"/fhir/DocumentReference/{name}", change),
        ("patch", f"/fhir/DocumentReference?identifier=urn:ietf:rfc:3986%7C{document.unique_id}", change),
    ]
    if document.submission_set_id:
        doors.append(("get", f"/fhir/List/{ids.join(dossier.pk, document.submission_set_id)}"))
    return doors


def page_doors(doctor: Professional) -> list[tuple[Any, ...]]:
    return [
        ("get", "/"),
        ("get", "/documents/"),
        *(("get", f"/documents/?famille={family}") for family in ("biologie", "ordonnances", "autres")),
        (("post", "/documents/chercher/", {"text": "genou"}), ("get", "/documents/")),
        ("get", "/activite/"),
        ("get", "/activite/?lectures"),
        *(("get", f"/activite/?qui={group}") for group in ("professionnels", "moi", "services", "refus")),
        ("get", "/autorisations/"),
        ("get", "/profil/"),
        ("get", "/dossiers/"),
        ("get", "/documents/soins-rembourses/"),
        ("get", "/documents/ajouter/"),
        *(("get", f"/profil/{page}/") for page in ("copies", "demandes", "urgences", "coordonnees", "accord")),
        ("get", "/profil/nouveaux-documents/"),
        ("get", "/profil/apres-moi/"),
        ("get", "/profil/demandes/nouvelle/correction/"),
        *(("get", f"/profil/dossier/{page}/") for page in ("fermeture", "reactivation", "suppression")),
        ("get", f"/autorisations/{doctor.pk}/"),
        ("get", f"/autorisations/{doctor.pk}/ce-qu-il-voit/"),
        ("get", "/autorisations/equipes/"),
        ("get", "/aidants/"),
        ("get", "/demandes/"),
        ("get", "/demandes/attente/"),
    ]


def page_doors_of(document: Document, doctor: Professional) -> list[tuple[Any, ...]]:
    here = f"/documents/{document.pk}/"
    asked = ("qui-le-voit/", "masquer/", "demasquer/", "supprimer/", "ouvrir-a/", f"ouvrir-a/{doctor.pk}/")
    return [
        *(("get", f"{here}{part}") for part in asked),
        ("post", f"{here}refermer/{doctor.pk}/", {}),
        ("get", f"/profil/demandes/nouvelle/correction/{document.pk}/"),
        (("get", here), ("get", "/activite/?qui=refus")),  # and what the trail says of his having asked
        *(("get", f"{here}{part}") for part in ("fichier/", "extrait/", "image/")),
        *(("post", f"{here}{part}", {}) for part in ("masquer/", "demasquer/", "supprimer/")),
        ("get", f"/documents/?avant={document.pk}"),
    ]


def doors(actor: Actor, dossier: Dossier) -> list[tuple[Any, ...]]:
    if actor.doctor is not None:
        return page_doors(actor.doctor)
    # The treating doctor is told of the emergencies of others (R1111-48): to him nothing is hidden there.
    told = [] if actor.name == "treating doctor" else [("get", "/api/v1/alertes/urgences")]
    return fhir_doors(dossier) + told


def doors_of(actor: Actor, dossier: Dossier, document: Document) -> list[tuple[Any, ...]]:
    return fhir_doors_of(dossier, document) if actor.doctor is None else page_doors_of(document, actor.doctor)
