"""Write a file like the national directory's public extraction: `generate_directory.py FILE [ROWS]`.

People and places are invented; every number starts with 8199, which no real RPPS does,
nor anybody of the demonstration. The same arguments give the same file.
"""

import random
import sys

LINE = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|"
    "Libellé civilité d'exercice|Code civilité|Libellé civilité|Nom d'exercice|Prénom d'exercice|"
    "Code profession|Libellé profession|Code catégorie professionnelle|Libellé catégorie professionnelle|"
    "Code type savoir-faire|Libellé type savoir-faire|Code savoir-faire|Libellé savoir-faire|"
    "Code mode exercice|Libellé mode exercice|Numéro SIRET site|Numéro SIREN site|Numéro FINESS site|"
    "Numéro FINESS établissement juridique|Identifiant technique de la structure|Raison sociale site|"
    "Enseigne commerciale site|Complément destinataire (coord. structure)|"
    "Complément point géographique (coord. structure)|Numéro Voie (coord. structure)|"
    "Indice répétition voie (coord. structure)|Code type de voie (coord. structure)|"
    "Libellé type de voie (coord. structure)|Libellé Voie (coord. structure)|"
    "Mention distribution (coord. structure)|Bureau cedex (coord. structure)|"
    "Code postal (coord. structure)|Code commune (coord. structure)|Libellé commune (coord. structure)|"
    "Code pays (coord. structure)|Libellé pays (coord. structure)|Téléphone (coord. structure)|"
    "Téléphone 2 (coord. structure)|Télécopie (coord. structure)|Adresse e-mail (coord. structure)|"
    "Code Département (structure)|Libellé Département (structure)|Ancien identifiant de la structure|"
    "Autorité d'enregistrement|Code secteur d'activité|Libellé secteur d'activité|"
    "Code section tableau pharmaciens|Libellé section tableau pharmaciens|Code rôle|Libellé rôle|"
    "Code genre activité|Libellé genre activité|"
)
HEADER = LINE.split("|")
PROFESSIONS = {"10": "SM54", "21": "", "40": "SCD01", "50": "", "60": "", "70": "", "80": "", "91": ""}
FAMILIES = ["MARTIN", "BERNARD", "THOMAS", "PETIT", "ROBERT", "DURAND", "DUBOIS", "MOREAU", "LAURENT"]
GIVEN = ["Marie", "Paul", "Louise", "Jean", "Jeanne", "Karim", "Léa", "Nadia", "Inès", "Moussa", "Hugo"]


def row(number: int, rng: random.Random) -> str:
    """One activity. About one person in four has two of them, each in another place."""
    person = number * 3 // 4
    profession = list(PROFESSIONS)[person % len(PROFESSIONS)]
    rpps = f"8199{person:07d}"
    place = rng.randrange(200_000)
    cells = dict.fromkeys(HEADER, "")
    cells |= {
        "Type d'identifiant PP": "8",
        "Identifiant PP": rpps,
        "Identification nationale PP": f"8{rpps}",
        "Code civilité d'exercice": "DR" if profession == "10" else "MME",
        "Nom d'exercice": FAMILIES[person % len(FAMILIES)],
        "Prénom d'exercice": GIVEN[person % len(GIVEN)],
        "Code profession": profession,
        "Code catégorie professionnelle": "C",
        "Code savoir-faire": PROFESSIONS[profession],
        "Code mode exercice": rng.choice("LS"),
        "Numéro FINESS site": f"99{place:07d}",
        "Identifiant technique de la structure": f"F99{place:07d}",
        "Raison sociale site": f"CABINET {place}",
        "Code postal (coord. structure)": f"{69001 + place % 9}",
        "Libellé commune (coord. structure)": "Lyon",
        "Code secteur d'activité": "SA07",
    }
    return "|".join(cells[name] for name in HEADER)


def main() -> None:
    path, rows = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    rng = random.Random(20261123)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"\ufeff{LINE}\n")
        file.writelines(row(number, rng) + "\n" for number in range(rows))
    print(f"{rows} lignes dans {path}.")


if __name__ == "__main__":
    main()
