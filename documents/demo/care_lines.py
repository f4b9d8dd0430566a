"""Reimbursed care that looks true, for the demonstration and for the benchmark. Nobody's: acts drawn by weight.

The names of who cared are invented; amounts are of the order of French tariffs.
"""

import datetime as dt
import random
from collections.abc import Iterator

NAMES = (
    "organisme", "ligne", "version", "matricule", "oid", "annulation", "date_soins", "date_paiement", "nature",
    "acte", "libelle", "quantite", "praticien", "montant", "rembourse", "protege",
)  # fmt: skip
# Weight, nature, code, words, centimes, share reimbursed.
ACTS = (
    (24, "consultation", "G", "Consultation du médecin généraliste", 3000, 70),
    (8, "consultation", "CS", "Consultation de spécialiste", 3150, 70),
    (34, "medicament", "3400930000001", "Paracétamol 1 g, comprimés", 218, 65),
    (14, "medicament", "3400930000002", "Amoxicilline 1 g, comprimés", 402, 65),
    (9, "biologie", "1104", "Hémogramme", 679, 60),
    (6, "biologie", "0996", "Exploration d'une anomalie lipidique", 583, 60),
    (4, "dentaire", "HBMD038", "Restauration d'une dent sur une face", 3024, 70),
    (3, "imagerie", "ZBQK002", "Radiographie du thorax", 2128, 70),
    (2, "dispositif", "2210337", "Verres correcteurs", 6000, 60),
    (2, "acte", "AMI", "Soins infirmiers", 945, 60),
    (1, "transport", "ABA", "Transport assis professionnalisé", 5240, 65),
    (1, "hospitalisation", "GHS", "Hospitalisation de jour", 61200, 80),
)
PROVIDERS = ("CABINET DES LILAS", "PHARMACIE DE LA RADE", "LABORATOIRE DES TILLEULS", "CENTRE DE SOINS DU PARC")
WEIGHTS = [act[0] for act in ACTS]


def header() -> str:
    return ";".join(NAMES)


def of_person(
    matricule: str, oid: str, count: int, last: dt.date, draw: random.Random, *, months: int = 24
) -> Iterator[str]:
    """`count` lines of one person, over the months before `last`, the latest first."""
    days = sorted(draw.randrange(months * 30) for _ in range(count))
    for place, (ago, act) in enumerate(zip(days, draw.choices(ACTS, WEIGHTS, k=count), strict=True)):
        _, kind, code, words, price, share = act
        care = last - dt.timedelta(days=ago)
        number = f"{matricule[-6:]}{draw.randrange(10**9):09d}{place:04d}"
        yield (
            f"691;{number};1;{matricule};{oid};0;{care};{care + dt.timedelta(days=6)};{kind};{code};{words};1;"
            f"{PROVIDERS[ago % len(PROVIDERS)]};{price};{price * share // 100};0"
        )
