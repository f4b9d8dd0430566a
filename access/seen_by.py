"""A professional at the door as the directory knows him, for his holder to see what he would see.

Nobody acts as him: `gate.look` reads the facts and traces nothing; who looks traces her own look (PREVIEWED).
"""

from access.facts import Purpose, Role
from access.gate import Caller
from access.identity import WorkSituation, needs_express
from access.models import Professional, Situation, User
from audit.trail import Actor, ActorKind


def callers(professional: Professional, purpose: Purpose = Purpose.CARE) -> list[Caller]:
    """One a work situation: it decides his profession, so what he may read. Prefetch `situations__structure`."""
    user = User.objects.filter(professional=professional).first()  # none: no holder ever named him
    situations = [_work(one) for one in professional.situations.all()]
    known = situations or [WorkSituation("", professional.profession, professional.speciality, "", "")]
    return [_caller(professional, user, one, purpose) for one in dict.fromkeys(known)]


def _work(situation: Situation) -> WorkSituation:
    structure = situation.structure
    return WorkSituation(
        name="",  # no header names it
        profession=situation.profession,
        speciality=situation.speciality,
        structure_id=structure.identifier if structure else "",
        structure_name=structure.name if structure else "",
        sector=structure.sector if structure else "",
    )


def _caller(professional: Professional, user: User | None, situation: WorkSituation, purpose: Purpose) -> Caller:
    actor = Actor(
        ActorKind.PROFESSIONAL,
        professional.idnat,
        professional.name,
        profession=situation.profession,
        structure_id=situation.structure_id,
        structure_name=situation.structure_name,
        means="preview",
    )
    return Caller(user, actor, Role.PROFESSIONAL, purpose, needs_express=needs_express(situation))
