"""The national directory's public extraction: one row an activity, merged by SQL from a staging table.

Professionals, structures and situations are three readings of the same rows. A file says all the
situations of the persons it names; a person it does not name becomes inactive only in a full load.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from patients.registers import BadLine, WrongFile

# column of the staging table -> column of the extraction
COLUMNS = {
    "idnat": "Identification nationale PP",
    "civility": "Code civilité d'exercice",
    "family": "Nom d'exercice",
    "given": "Prénom d'exercice",
    "profession": "Code profession",
    "category": "Code catégorie professionnelle",
    "speciality": "Code savoir-faire",
    "mode": "Code mode exercice",
    "siret": "Numéro SIRET site",
    "finess": "Numéro FINESS site",
    "technical": "Identifiant technique de la structure",
    "structure_name": "Raison sociale site",
    "postal_code": "Code postal (coord. structure)",
    "city": "Libellé commune (coord. structure)",
    "sector": "Code secteur d'activité",
}
LENGTHS = {
    "idnat": 20,
    "civility": 10,
    "family": 100,
    "given": 100,
    "profession": 10,
    "category": 5,
    "speciality": 10,
    "mode": 5,
    "siret": 14,
    "finess": 9,
    "technical": 60,
    "sector": 10,
    "postal_code": 5,
}
CUT = {"structure_name": 200, "city": 100}  # free text of the extraction: cut rather than refused


class TooManyRemovals(WrongFile):
    """A full load would make too many professionals inactive: a file cut short looks like that."""


@dataclass
class Loaded:
    """What a load did, in rows added and changed."""

    read: int = 0
    professionals: tuple[int, int] = (0, 0)
    structures: tuple[int, int] = (0, 0)
    situations: tuple[int, int] = (0, 0)
    removed_situations: int = 0
    inactive: int = 0
    bad: list[BadLine] = field(default_factory=list)

    @property
    def added(self) -> int:
        return self.professionals[0] + self.structures[0] + self.situations[0]

    @property
    def changed(self) -> int:
        return self.professionals[1] + self.structures[1] + self.situations[1]

    @property
    def ended(self) -> int:
        return self.inactive + self.removed_situations


# A time-ordered key (RFC 9562, 5.7) made by PostgreSQL, which has none of its own before version 18:
# the milliseconds over the first 48 bits of a random one, then version 7 instead of 4.
UUID7 = (
    "encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) "
    "PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) "
    "FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"
)
_NAMES = ", ".join(COLUMNS)
_STAGE = f"""
DROP TABLE IF EXISTS directory_staging;
CREATE TEMPORARY TABLE directory_staging (
    line bigint, {", ".join(f"{name} text" for name in COLUMNS)}, structure text
) ON COMMIT DROP"""
_COPY = f"COPY directory_staging (line, {_NAMES}, structure) FROM STDIN"
_COUNT = "SELECT count(*) FILTER (WHERE added), count(*) FILTER (WHERE NOT added) FROM merged"
_STRUCTURES = f"""
WITH merged AS (
    INSERT INTO access_structure AS known (id, identifier, finess, siret, name, sector, city, postal_code)
    SELECT {UUID7}, structure, finess, siret, structure_name, sector, city, postal_code
    FROM (SELECT DISTINCT ON (structure) * FROM directory_staging
          WHERE structure <> '' ORDER BY structure, line DESC) AS latest
    ON CONFLICT (identifier) DO UPDATE SET finess = excluded.finess, siret = excluded.siret,
        name = excluded.name, sector = excluded.sector, city = excluded.city,
        postal_code = excluded.postal_code
    WHERE (known.finess, known.siret, known.name, known.sector, known.city, known.postal_code)
        IS DISTINCT FROM (excluded.finess, excluded.siret, excluded.name, excluded.sector, excluded.city,
            excluded.postal_code)
    RETURNING xmax = 0 AS added)
{_COUNT}"""  # noqa: S608 (constant names)
# A person practises as civilian first, then by the row that names a speciality, then by the latest row.
_PROFESSIONALS = f"""
WITH merged AS (
    INSERT INTO access_professional AS known
        (id, idnat, family, given, civility, profession, speciality, active)
    SELECT {UUID7}, idnat, family, given, civility, profession, speciality, true
    FROM (SELECT DISTINCT ON (idnat) * FROM directory_staging
          ORDER BY idnat, category <> 'C', speciality = '', line DESC) AS main
    ON CONFLICT (idnat) DO UPDATE SET family = excluded.family, given = excluded.given,
        civility = excluded.civility, profession = excluded.profession, speciality = excluded.speciality,
        active = true
    WHERE (known.family, known.given, known.civility, known.profession, known.speciality, known.active)
        IS DISTINCT FROM (excluded.family, excluded.given, excluded.civility, excluded.profession,
            excluded.speciality, true)
    RETURNING xmax = 0 AS added)
{_COUNT}"""  # noqa: S608 (constant names)
_LISTED = """
DROP TABLE IF EXISTS directory_situation;
CREATE TEMPORARY TABLE directory_situation ON COMMIT DROP AS
SELECT DISTINCT ON (professional.id, structure.id, staged.profession, staged.speciality, staged.mode)
    professional.id AS professional_id, structure.id AS structure_id, staged.profession, staged.category,
    staged.speciality, staged.mode
FROM directory_staging AS staged
JOIN access_professional AS professional ON professional.idnat = staged.idnat
LEFT JOIN access_structure AS structure ON structure.identifier = staged.structure
ORDER BY professional.id, structure.id, staged.profession, staged.speciality, staged.mode, line DESC"""
_SITUATIONS = f"""
WITH merged AS (
    INSERT INTO access_situation AS known
        (id, professional_id, structure_id, profession, category, speciality, mode)
    SELECT {UUID7}, professional_id, structure_id, profession, category, speciality, mode
    FROM directory_situation
    ON CONFLICT (professional_id, structure_id, profession, speciality, mode)
        DO UPDATE SET category = excluded.category WHERE known.category IS DISTINCT FROM excluded.category
    RETURNING xmax = 0 AS added)
{_COUNT}"""  # noqa: S608 (constant names)
_NO_LONGER = """
DELETE FROM access_situation AS known
USING (SELECT DISTINCT professional_id FROM directory_situation) AS person
WHERE known.professional_id = person.professional_id AND NOT EXISTS (
    SELECT 1 FROM directory_situation AS listed
    WHERE listed.professional_id = known.professional_id
    AND listed.structure_id IS NOT DISTINCT FROM known.structure_id
    AND listed.profession = known.profession AND listed.speciality = known.speciality
    AND listed.mode = known.mode)"""
_ABSENT = "active AND NOT EXISTS (SELECT 1 FROM directory_staging AS staged WHERE staged.idnat = known.idnat)"
_HOW_MANY = f"""
SELECT (SELECT count(*) FROM access_professional AS known WHERE {_ABSENT}),
    (SELECT count(*) FROM access_professional WHERE active)"""  # noqa: S608 (constant names)
_INACTIVE = f"UPDATE access_professional AS known SET active = false WHERE {_ABSENT}"  # noqa: S608


def load_professionals(
    lines: Iterable[str],
    *,
    full: bool = False,
    at_most: int = 10,
    progress: Callable[[int], None] = lambda line: None,
) -> Loaded:
    """Merge an extraction (text lines, header first). Raises `WrongFile`; bad lines are told and left out.

    `at_most`: the share of professionals, in per cent, that a full load may make inactive.
    """
    done = Loaded()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for row in _staged(lines, done, progress):
                copy.write_row(row)
        cursor.execute("ANALYZE directory_staging")
        done.structures = _counted(cursor, _STRUCTURES)
        done.professionals = _counted(cursor, _PROFESSIONALS)
        cursor.execute(_LISTED)
        cursor.execute("ANALYZE directory_situation")
        cursor.execute(_NO_LONGER)
        done.removed_situations = cursor.rowcount
        done.situations = _counted(cursor, _SITUATIONS)
        if full:
            done.inactive = _retire(cursor, at_most)
    return done


def _counted(cursor: Any, statement: str) -> tuple[int, int]:
    cursor.execute(statement)
    added, changed = cursor.fetchone()
    return added, changed


def _retire(cursor: Any, at_most: int) -> int:
    cursor.execute(_HOW_MANY)
    absent, active = cursor.fetchone()
    if absent * 100 > active * at_most:
        raise TooManyRemovals(
            f"Le fichier ne nomme pas {absent} des {active} professionnels en exercice, plus de {at_most} % : "
            "est-il complet ? Si oui, relancez avec --at-most."
        )
    cursor.execute(_INACTIVE)
    return int(cursor.rowcount)


def _staged(lines: Iterable[str], done: Loaded, progress: Callable[[int], None]) -> Iterator[tuple[Any, ...]]:
    """The kept columns of each row. The extraction quotes nothing and ends each line with a pipe."""
    rows = iter(lines)
    header = [name.strip() for name in next(rows, "").rstrip("\r\n").split("|")]
    if missing := [name for name in COLUMNS.values() if name not in header]:
        raise WrongFile(f"Colonnes absentes de l'en-tête : {', '.join(missing)}.")
    width = len([name for name in header if name])
    places = [(name, header.index(column)) for name, column in COLUMNS.items()]
    for number, line in enumerate(rows, 2):
        done.read += 1
        cells = line.rstrip("\r\n").split("|")
        row = {name: cells[place].strip() for name, place in places} if len(cells) >= width else {}
        if reason := _fault(row):
            done.bad.append(BadLine(number, reason))
        else:
            structure = (
                f"1{row['finess']}" if row["finess"] else f"3{row['siret']}" if row["siret"] else row["technical"]
            )
            yield (number, *row.values(), structure)
        if done.read % 5000 == 0:
            progress(number)
    progress(done.read)


def _fault(row: dict[str, str]) -> str:
    """What is wrong with a row; empty when nothing is. Long free text is cut in place."""
    if not row:
        return "La ligne n'a pas le nombre de colonnes de l'en-tête."
    if not (row["idnat"].isascii() and row["idnat"].isalnum() and len(row["idnat"]) >= 9):
        return "L'identification nationale est absente ou mal formée."
    if not (row["family"] and row["profession"]):
        return "Le nom d'exercice et la profession sont nécessaires."
    for name, length in LENGTHS.items():
        if len(row[name]) > length:
            return f"La colonne « {COLUMNS[name]} » dépasse {length} caractères."
    for name, length in CUT.items():
        row[name] = row[name][:length]
    return ""
