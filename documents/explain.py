"""« Pourquoi ? » of one professional and one document: the policy's own answer, in words (features M3, M4).

The same `decide` and the same `Scope.covers` as the doors: what is explained is what is served. The reader is
the holder, and only of documents that exist for her: nothing is explained of what she may not know.
"""

import copy
import datetime as dt
from dataclasses import dataclass, replace

from django.utils import timezone
from django.utils.formats import date_format

from access import words
from access.facts import Act, Facts, Ground
from access.policy import Decision, Scope, decide
from access.rights import Rights
from access.words import Why
from documents.models import Document

MASKED, MATRIX, LIMIT, VITAL, SECRET, DELETED = "masked", "matrix", "limit", "vital", "secret", "deleted"
NOT_SEEN = {
    MASKED: Why(
        "Ce document est masqué aux professionnels.",
        "Pour qu'il le voie : ouvrez le document, puis « Ne plus masquer » ; ou, pour lui seul, « Ouvrir à un "
        "professionnel ».",
    ),
    MATRIX: Why(
        "Sa profession ne lit pas ce type de document. Cette règle est la même pour tous les dossiers : "
        "vous n'avez rien à régler."
    ),
    LIMIT: Why(
        "Vous avez limité son autorisation à d'autres familles de documents.",
        "Pour l'élargir : dans Autorisations, choisissez son nom puis donnez une nouvelle autorisation.",
    ),
    VITAL: Why(
        "Le numéro de votre carte d'urgence montre seulement l'essentiel : synthèse, allergies, traitements.",
        "Pour qu'il voie le reste : dans Autorisations, cherchez son nom.",
    ),
    SECRET: Why("Il travaille dans une session secrète, qui ne montre rien d'autre."),
    DELETED: Why("Son auteur l'a supprimé : plus personne ne le voit."),
}


@dataclass(frozen=True)
class Answer:
    """Does he see it, by which rule, since when and recorded by whom, how to change that."""

    sees: bool
    ground: str
    why: Why
    since: str = ""


def explain(facts: Facts, document: Document, known: Rights | None = None) -> Answer:
    """`known`: the rights of this professional, to say since when (`rights.asked`)."""
    known = known or Rights()
    decision = decide(Act.OPEN, facts)
    if decision.scope is not None and decision.scope.covers(document):
        ground = _ground(decision.ground, decision.scope, document)
        return Answer(True, ground, words.WHY[ground], known.told(facts.author, ground, facts.at, document.pk).since)
    if decision.scope is not None and (kept := _kept_from(decision, facts, document)):
        return Answer(False, kept, NOT_SEEN[kept], _until(document) if kept == MASKED else "")
    # Only what he wrote, or what was opened to him, is his: why he reads nothing else.
    refused = decide(Act.LIST, replace(facts, documents=frozenset())).ground
    return Answer(False, refused, _plainly(words.WHY[refused]), known.told(facts.author, refused, facts.at).since)


def _ground(ground: Ground, scope: Scope, document: Document) -> Ground:
    """The right of the list when it is enough; else what is his own in that document."""
    if replace(scope, author="", documents=frozenset()).covers(document):
        return ground
    return Ground.AUTHOR if scope.author in document.author_ids else Ground.OPENED_TO_HIM


def _kept_from(decision: Decision, facts: Facts, document: Document) -> str:
    """What keeps one document from a scope that opens others; empty when the scope opens nothing of itself."""
    scope = decision.scope
    assert scope is not None
    if document.state == Document.State.DELETED:
        return DELETED
    if not scope.general:
        return ""
    if scope.only_secret and not document.secret:
        return SECRET
    if replace(scope, masked=True).covers(document):
        return MASKED
    if document.type_code not in facts.readable:
        return MATRIX
    return VITAL if decision.ground is Ground.EMERGENCY_NUMBER else LIMIT


def _until(document: Document) -> str:
    if document.masked_until is None:
        return ""
    day = timezone.localtime(document.masked_until - dt.timedelta(seconds=1))
    return f"Jusqu'au {date_format(day, 'j F Y')} inclus."


def _plainly(why: Why) -> Why:
    """A line of the trail says « Refusé : … »; here nothing was asked."""
    rule = why.rule.removeprefix("Refusé : ")
    return replace(why, rule=rule[0].upper() + rule[1:])


def if_masked(document: Document, until: dt.datetime | None = None) -> Document:
    """The document as it would be, masked from now on; the row is not touched."""
    twin = copy.copy(document)
    twin.masked, twin.masked_until = True, until
    if twin.visible_from is not None and twin.visible_from <= timezone.now():
        twin.withheld = False
    return twin
