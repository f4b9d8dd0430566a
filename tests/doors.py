"""Everybody who may knock at a door, with one dossier that holds one document; and the address of every door."""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver
from rest_framework.test import APIClient

from access import demo_issuer
from access.facts import Right, Role
from access.gate import Caller
from access.models import CaisseGroupGrant, Professional, Representation, User
from access.professional_session import KEY
from audit.trail import Actor, ActorKind
from documents import contents, entries, feed
from documents.models import Document
from fhir import ids
from patients.models import Dossier
from tests import factories as make

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
Knock = Callable[[str, str], str]


@dataclass
class Cast:
    dossier: Dossier
    document: Document
    doctor: Professional
    callers: dict[str, Knock]


def routes(site: str) -> list[str]:
    """Every pattern of the resolver, as it is written."""

    def walk(resolver: Any, before: str = "") -> Iterator[str]:
        for one in resolver.url_patterns:
            here = before + str(one.pattern)
            if isinstance(one, URLPattern):
                yield here
            else:
                yield from walk(one, here)

    return list(dict.fromkeys(walk(get_resolver(site))))


def address(route: str, cast: Cast) -> str:
    """An address of this route: of the dossier, the document and the doctor of the cast, else of nothing."""
    document = ids.join(cast.dossier.pk, cast.document.pk)
    named = {
        "identifier": cast.dossier.pk.hex if "Patient/" in route else document,
        "document_id": cast.document.pk,
        "professional_id": cast.doctor.pk,
        "dossier": cast.dossier.pk.hex,
        "decision": "retirer",
        "slug": "correction",
        "name": "recu",
        "pk": 1,
        "content_type_id": 1,
        "app_label": "access",
    }
    nothing = uuid.UUID(int=1)
    plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("([^/]+)", str(nothing))
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda one: str(named.get(one[1], nothing)), plain).strip("^$").replace(
        "/^", "/"
    )


def cast() -> Cast:
    make.matrix()
    dossier, child = make.DossierFactory(), make.DossierFactory(minor=True)
    document = make.DocumentFactory.build(dossier=dossier)
    document.fhir = entries.text_of(document, "1.2.250.1.213.1.4.10")
    document.save()
    contents.put(dossier.pk, document.pk, b"%PDF")
    doctor, stranger, blocked, deputy = (make.ProfessionalFactory() for _ in range(4))
    make.permit(dossier, doctor)
    make.forbid(dossier, blocked)
    carer = make.UserFactory()
    Representation.objects.create(dossier=dossier, user=carer, role="carer", recorded_by="test")
    callers = {
        "anonymous": Client(),
        "holder": signed_in(make.holder_of(dossier)),
        "parent": signed_in(make.holder_of(child, "parent")),  # of another dossier
        "carer": signed_in(carer),  # without a right
        "professional": signed_in(make.account(deputy), professional=True),
        "agent": signed_in(staff("agent")),
        "operator": signed_in(staff("operator")),
        "authorised": with_token(doctor),
        "unknown": with_token(stranger),
        "blocked": with_token(blocked),
        "structure": structure(),
        "insurer": insurer(),
    }
    return Cast(dossier, document, doctor, {name: knock(client) for name, client in callers.items()})


def by_quality(cast: Cast) -> dict[str, Knock]:
    """Who stands to this very dossier by another quality than those of the cast."""
    dossier = cast.dossier
    treating, regulator, secret = (make.ProfessionalFactory() for _ in range(3))
    make.treat(dossier, treating)
    helper = make.UserFactory()
    rights = [right.value for right in Right]
    Representation.objects.create(dossier=dossier, user=helper, role="carer", rights=rights, recorded_by="test")
    callers = {
        "guardian": signed_in(make.holder_of(dossier, "guardian")),
        "helper": signed_in(helper),  # a carer who was given every right there is
        "treating": with_token(treating),
        "regulator": with_token(regulator, "regulation", Acces_Regulation_Medicale="VRAI"),
        "secret": with_token(secret, "secret"),  # on a dossier whose holder is of age
    }
    return {name: knock(client) for name, client in callers.items()}


def signed_in(user: User, *, professional: bool = False) -> Client:
    client = Client()
    client.force_login(user, backend=BACKEND)
    if professional:  # as Pro Santé Connect leaves him
        session = client.session
        empty = dict.fromkeys(("sub", "sid", "idnat", "name", "id_token"), "x")
        session[KEY] = empty | {"issued": 0, "until": 1e12, "situations": [], "chosen": None}
        session.save()
    return client


def staff(kind: str) -> User:
    """An agent of a fund's counter, or an operator; both with a second factor."""
    fields = {"kind": kind, "is_staff": True, "is_superuser": kind == "operator"}
    user = User.objects.create_user(f"{kind}@example.org", "x", **fields)
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    if kind == "agent":
        group = Group.objects.create(name="Rhône")
        user.groups.add(group)
        permission = Permission.objects.get(codename="serve_caisse")
        CaisseGroupGrant.objects.create(group=group, permission=permission, content_object=make.CaisseFactory())
    return user


def with_token(professional: Professional, purpose: str = "care", **claims: Any) -> APIClient:
    client = APIClient()
    make.account(professional)
    token = demo_issuer.token(demo_issuer.claims_of(professional) | claims)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}", HTTP_DMP_PURPOSE=purpose)
    return client


def structure() -> APIClient:
    client = APIClient()
    caller = Caller(None, Actor(ActorKind.STRUCTURE, "1750000001", "Laboratoire"), Role.STRUCTURE)
    client.force_authenticate(AnonymousUser(), caller)
    return client


def insurer() -> APIClient:
    """The one whose files are fed: no door signs it in, so this is what it would be if one did."""
    client = APIClient()
    client.force_authenticate(AnonymousUser(), Caller(None, feed.INSURER, Role.OTHER))
    return client


def knock(client: Client) -> Knock:
    """Each time as the first time: what the knock did is undone, his cookies are as they were."""
    client.raise_request_exception = False
    cookies = client.cookies.output()

    def ask(method: str, path: str) -> str:
        client.cookies.clear()
        client.cookies.load(cookies.replace("Set-Cookie: ", ""))
        with undone():
            return said(client.generic(method, path))

    return ask


@contextmanager
def undone() -> Iterator[None]:
    """A bare savepoint: the gate's own transaction must believe it is the first."""
    here = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(here)


def said(answer: Any) -> str:
    """The status; « login » when it sends to the sign-in page."""
    if answer.status_code == 302 and "/login/" in answer.headers["Location"]:
        return "login"
    return str(answer.status_code)
