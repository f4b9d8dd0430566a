"""What is done and what is left for a person at the counter, in the order of a visit."""

from dataclasses import dataclass

from django.utils import timezone

from access import recovery
from access.models import ConsentMeans, Representation
from patients import dossiers
from patients.models import ConsentPaper, Dossier, InsuredPerson


@dataclass(frozen=True)
class Step:
    """`page`: the name of its address, empty when there is nothing to do."""

    label: str
    done: bool
    page: str = ""
    action: str = ""


def steps(person: InsuredPerson, dossier: Dossier) -> list[Step]:
    accounts = list(recovery.accounts_of(dossier.pk))
    minor = not dossiers.of_age(person.birth_date, timezone.now())
    represented = any(one.role in (Representation.Role.PARENT, Representation.Role.GUARDIAN) for one in accounts)
    grid = ConsentMeans.objects.filter(dossier=dossier, grid_made_at__isnull=False).exists()
    online = any(one.role == Representation.Role.HOLDER for one in accounts)
    found = [_consent(dossier)]
    if minor:
        found.append(Step("Parent ou tuteur enregistré", represented, "counter_representatives", "Représentants"))
    else:
        found.append(
            Step("E-mail vérifié, espace en ligne prêt", online, "counter_verify", "Vérifier e-mail, téléphone")
        )
    found.append(
        Step("Lettre et grille de codes imprimées", grid, "counter_letter", "Imprimer la lettre et la grille")
    )
    return found


def _consent(dossier: Dossier) -> Step:
    """The paper itself is never shown here: whether it is kept, and how."""
    known = ConsentPaper.objects.filter(dossier=dossier, consent_id=dossier.opening_consent_id)
    seal = known.order_by("added_at").values_list("seal", flat=True).last()
    if seal == ConsentPaper.Seal.REFUSED:
        return Step("Formulaire numérisé illisible : gardez l'original signé, prévenez l'exploitant", False)
    return Step("Consentement enregistré, formulaire chiffré" if seal else "Consentement enregistré", True)
