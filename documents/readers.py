"""Of one document: each professional who has something to do with it or with the dossier, and « Pourquoi ? » (M3)."""

from dataclasses import dataclass

from django.db.models import Q

from access import gate, rights, seen_by
from access.gate import Entry
from access.models import AUTHORISED, TREATING, Block, DossierGrant, EmergencyAccess, Professional
from access.words import polite
from documents.explain import Answer, explain
from documents.models import Document, DocumentGrant

MOST = 50  # professionals looked at: a page a person can read


@dataclass(frozen=True)
class Reader:
    professional: Professional
    name: str
    answer: Answer


def with_rights(entry: Entry, more: Q | None = None, most: int = MOST) -> list[Professional]:
    """Those who have a running right or emergency on this dossier, and `more`; `most` of them, by their names."""
    grants = DossierGrant.rights.running().filter(
        content_object=entry.dossier, permission__codename__in=(AUTHORISED, TREATING)
    )
    emergencies = EmergencyAccess.objects.running().filter(dossier=entry.dossier)
    users = {*grants.values_list("user_id", flat=True), *emergencies.values_list("user_id", flat=True)}
    asked = Q(user__in=users) | more if more is not None else Q(user__in=users)
    rows = Professional.objects.filter(asked).distinct().prefetch_related("situations__structure")
    return list(rows.order_by("family", "given", "id")[:most])


def of(entry: Entry, document: Document) -> list[Reader]:
    """Who sees it first; of several work situations, one that sees it is enough."""
    opened = DocumentGrant.rights.running().filter(dossier=entry.dossier, content_object=document)
    blocks = Block.objects.running().filter(dossier=entry.dossier)
    named = {*opened.values_list("user_id", flat=True), *blocks.values_list("user_id", flat=True)}
    people = with_rights(entry, Q(idnat__in=document.author_ids) | Q(user__in=named))
    known = rights.asked(entry.dossier.pk, {one.idnat for one in people})
    found = []
    for professional in people:
        looks = [gate.look(one, dossier_id=entry.dossier.pk)[1] for one in seen_by.callers(professional)]
        answers = [explain(facts, document, known) for facts in looks]
        best = next((one for one in answers if one.sees), answers[0])
        found.append(Reader(professional, polite(professional.name), best))
    return sorted(found, key=lambda one: not one.answer.sees)
