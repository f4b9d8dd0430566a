"""/api/v1: the acts of the DMP that FHIR does not settle, each recorded as the holder's word.

Never automatic: the professional asked the patient, who said yes (EX_0.3-1010); so `consent: true` is
sent with each act, and its absence is an error, not a default.
"""

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import DatabaseError
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from access import gate, grants, opening, problems
from access.door import ProfessionalView
from access.facts import Act, Facts, Ground, Role
from access.gate import Entry
from access.models import AUTHORISED, DossierGrant, Professional
from access.policy import Decision, authorised, is_treating
from audit import trail
from audit.trail import Event, TrailDown
from patients import notices
from patients.models import Notice
from patients.replies import KeyReused, Sending

UNPROCESSABLE = 422


class Problem(serializers.Serializer[Any]):
    """Every error: what happened and what to do, in French; `ground` names the rule of a refusal."""

    detail = serializers.CharField()
    ground = serializers.CharField(required=False)
    fields = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)  # type: ignore[assignment]


def answer_of(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to what went wrong; None lets Django answer 500."""
    if isinstance(error, gate.Refused):
        ground = error.decision.ground
        return Response({"detail": problems.refusal(ground), "ground": ground}, 403)
    if isinstance(error, gate.Absent | Http404):
        return Response({"detail": problems.NO_SUCH_DOSSIER}, 404)
    if isinstance(error, TrailDown):
        return Response({"detail": problems.TRAIL_DOWN}, 503)
    if isinstance(error, DatabaseError):
        return Response({"detail": problems.DATABASE_DOWN}, 503)
    if isinstance(error, RequestDataTooBig):
        return Response({"detail": "Le message est trop gros."}, 413)
    if isinstance(error, ParseError):
        return Response({"detail": "Le message n'est pas du JSON."}, 400)
    if isinstance(error, UnsupportedMediaType):
        return Response({"detail": "Le message s'envoie en JSON (Content-Type: application/json)."}, 415)
    if isinstance(error, KeyReused):
        return Response({"detail": error.message}, 409)
    if isinstance(error, ValidationError):
        return Response({"detail": " ".join(error.messages)}, UNPROCESSABLE)
    if isinstance(error, serializers.ValidationError):
        detail = "Le message est incomplet ou mal formé : voyez les champs nommés."
        return Response({"detail": detail, "fields": dict(_named(error.detail))}, UNPROCESSABLE)
    return exception_handler(error, context)


def _named(found: Any, above: str = "") -> Iterator[tuple[str, list[str]]]:
    """What is wrong with each field; the second of a list is `field.1`."""
    for name, said in found.items():
        if isinstance(said, dict):
            yield from _named(said, f"{above}{name}.")
        else:
            yield f"{above}{name}", [str(one) for one in said]


class Door(ProfessionalView):
    """A door of /api/v1: a professional in person, JSON, errors as `Problem`. A structure feeds by /fhir alone."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.caller.role is not Role.PROFESSIONAL:
            trail.record_now(
                Event.SIGN_IN_REFUSED,
                by=self.caller.actor,
                dossier_id=None,
                allowed=False,
                ground=Ground.NOT_A_PERSON,
            )
            raise gate.Refused(Decision(False, Ground.NOT_A_PERSON), None)

    def get_exception_handler(self) -> Any:
        return answer_of

    @property
    def professional(self) -> Professional:
        user = self.caller.user
        assert user is not None and user.professional is not None
        return user.professional

    def recording(self, dossier: str, event: Event) -> AbstractContextManager[Entry]:
        """The gate, for what the patient decided and the professional writes down."""
        return gate.enter(self.caller, Act.RECORD, event, dossier_id=dossier_of(dossier), lock=True)


def dossier_of(text: str) -> uuid.UUID:
    """The identifier in an address, with or without dashes. Raises Http404."""
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise Http404 from error


class Consented(serializers.Serializer[Any]):
    """An act that is done because the patient said yes, when asked."""

    consent = serializers.BooleanField(help_text="Le patient, interrogé, a donné son accord exprès.")

    def validate_consent(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError("Sans l'accord exprès du patient, rien n'est enregistré.")
        return value


class Opening(Consented):
    """The person as the INS names her, and the evidence of her consent."""

    matricule = serializers.CharField(max_length=30, help_text="NIR ou NIA, avec sa clé.")
    oid = serializers.CharField(max_length=40, help_text="OID du matricule.")
    birth_family = serializers.CharField(max_length=100)
    given_names = serializers.CharField(max_length=200)
    birth_date = serializers.DateField()
    sex = serializers.ChoiceField(["F", "M", "U"])
    evidence = serializers.CharField(
        max_length=200, help_text="Preuve : case cochée, numéro du formulaire signé, carte lue…"
    )


class Opened(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="Identifiant du dossier, celui de la ressource FHIR Patient.")
    state = serializers.CharField()
    patient = serializers.CharField()
    opened_at = serializers.DateTimeField()


class OpenedAlready(Problem):
    """The dossier she has; nothing of it when the key of the call served for another."""

    id = serializers.CharField(required=False)
    state = serializers.CharField(required=False)
    patient = serializers.CharField(required=False)
    opened_at = serializers.DateTimeField(required=False)


class Permission(serializers.Serializer[Any]):
    """The caller's own situation on a dossier, in the words of the DMP (TD0.2)."""

    status = serializers.ChoiceField(["NON_EXISTE", "VALIDE", "EXPIRE", "INTERDIT"])
    treating = serializers.BooleanField()
    until = serializers.DateTimeField(allow_null=True)


class HowMuch(serializers.Serializer[Any]):
    """Everything his profession reads, some families of documents, or emergencies only."""

    extent = serializers.ChoiceField(DossierGrant.Extent.choices, default=DossierGrant.Extent.GENERAL)
    families = serializers.ListField(
        child=serializers.CharField(max_length=20), default=list, help_text="Avec extent=limited : au moins une."
    )


def limits_of(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("extent", "families")}


class Asking(HowMuch, Consented):
    until = serializers.DateField(
        required=False, help_text="Dernier jour ; au plus un an, et un an si rien n'est dit."
    )


ERRORS = {code: Problem for code in (400, 401, 403, 404, 409, 413, 415, 422, 503)}
DOSSIER = OpenApiParameter("dossier", str, OpenApiParameter.PATH, description="Identifiant du dossier.")
KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER)


def status_of(facts: Facts) -> str:
    """NON_EXISTE, VALIDE, EXPIRE, INTERDIT: a block beats all, being the treating doctor is a right (D1). What gives
    him nothing to read is none (D18).
    """
    if facts.blocked:
        return "INTERDIT"
    if authorised(facts) or is_treating(facts):
        return "VALIDE"
    return "EXPIRE" if facts.expired else "NON_EXISTE"


@extend_schema_view(
    post=extend_schema(
        operation_id="ouvrir_dossier",
        summary="Ouvrir le dossier d'une personne, avec son consentement exprès",
        request=Opening,
        responses={201: Opened, **ERRORS, 409: OpenedAlready},
        parameters=[KEY],
    )
)
class DossiersView(Door):
    """POST /api/v1/dossiers. 201; 409 when she already has one; 403 when a rule keeps this channel shut."""

    def post(self, request: Request) -> Response:
        asked = Opening(data=request.data)
        asked.is_valid(raise_exception=True)
        sending = Sending.of(
            self.caller.actor.reference,
            request.headers.get(KEY.name, ""),
            repr(sorted(asked.validated_data.items())).encode(),
        )
        result = opening.by_professional(self.caller.actor, asked.validated_data, sending)
        if isinstance(result, opening.Forbidden):
            return Response({"detail": result.explanation, "ground": "opening_rule"}, 403)
        dossier, done = result.dossier, result.done
        body = {
            "id": dossier.pk.hex,
            "state": dossier.state,
            "patient": f"Patient/{dossier.pk.hex}",
            "opened_at": dossier.opened_at,
        }
        if not done:
            return Response({"detail": "Cette personne a déjà un dossier médical partagé.", **body}, 409)
        return Response(body, 201, headers={"Location": f"/fhir/Patient/{dossier.pk.hex}"})


@extend_schema_view(
    get=extend_schema(
        operation_id="lire_autorisation",
        summary="Ma situation sur ce dossier",
        responses={200: Permission, **ERRORS},
        parameters=[DOSSIER],
    ),
    put=extend_schema(
        operation_id="enregistrer_autorisation",
        summary="Enregistrer que le patient, interrogé, m'autorise à consulter",
        request=Asking,
        responses={200: Permission, **ERRORS},
        parameters=[DOSSIER],
    ),
    post=extend_schema(exclude=True),
    delete=extend_schema(
        operation_id="renoncer_autorisation",
        summary="Renoncer à mon autorisation",
        responses={204: OpenApiResponse(description="fait"), **ERRORS},
        parameters=[DOSSIER],
    ),
)
class PermissionView(Door):
    """/api/v1/dossiers/{id}/autorisation. POST does as PUT."""

    def get(self, request: Request, dossier: str) -> Response:
        with gate.enter(self.caller, Act.EXISTS, Event.DOSSIER_FOUND, dossier_id=dossier_of(dossier)) as entry:
            entry.trace()
            ends = DossierGrant.rights.running().filter(
                content_object=entry.dossier, user=self.caller.user, permission__codename=AUTHORISED
            )
            until = ends.values_list("until", flat=True).first() if authorised(entry.facts) else None
        facts = entry.facts
        return Response({"status": status_of(facts), "treating": is_treating(facts), "until": until})

    def put(self, request: Request, dossier: str) -> Response:
        asked = Asking(data=request.data)
        asked.is_valid(raise_exception=True)
        until = _end_of(asked.validated_data.get("until"))
        with self.recording(dossier, Event.ACCESS_GRANTED) as entry:
            limits = limits_of(asked.validated_data)
            grant = grants.authorise(entry, self.professional, until, source="professional", **limits)
            notices.tell(entry.dossier.pk, Notice.Kind.ACCESS_GRANTED)
        return Response({"status": "VALIDE", "treating": is_treating(entry.facts), "until": grant.until})

    def post(self, request: Request, dossier: str) -> Response:
        return self.put(request, dossier)

    def delete(self, request: Request, dossier: str) -> Response:
        with self.recording(dossier, Event.ACCESS_WITHDRAWN) as entry:
            grants.withdraw(entry, self.professional)
        return Response(status=204)


def _end_of(day: dt.date | None) -> dt.datetime:
    """The midnight (Europe/Paris) that ends the last day; as far as an authorisation goes by default."""
    if day is None:
        return timezone.now() + dt.timedelta(days=settings.AUTHORISATION_DAYS)
    return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min))


@extend_schema_view(
    post=extend_schema(
        operation_id="devenir_medecin_traitant",
        summary="Enregistrer que le patient me désigne comme médecin traitant",
        request=Consented,
        responses={200: Permission, **ERRORS},
        parameters=[DOSSIER],
    ),
    delete=extend_schema(
        operation_id="cesser_medecin_traitant",
        summary="Ne plus être le médecin traitant",
        responses={204: OpenApiResponse(description="fait"), **ERRORS},
        parameters=[DOSSIER],
    ),
)
class TreatingView(Door):
    """/api/v1/dossiers/{id}/medecin-traitant: doctors only."""

    def post(self, request: Request, dossier: str) -> Response:
        asked = Consented(data=request.data)
        asked.is_valid(raise_exception=True)
        if self.caller.actor.profession != "10":
            return Response({"detail": "Le médecin traitant est un médecin.", "ground": "profession"}, 403)
        with self.recording(dossier, Event.TREATING_NAMED) as entry:
            grants.name_treating(entry, self.professional, source="professional")
            notices.tell(entry.dossier.pk, Notice.Kind.TREATING_NAMED)
        return Response({"status": "VALIDE", "treating": True, "until": None})

    def delete(self, request: Request, dossier: str) -> Response:
        with self.recording(dossier, Event.TREATING_ENDED) as entry:
            grants.end_treating(entry, self.professional)
        return Response(status=204)
