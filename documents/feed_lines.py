"""The lines of a file of the assurance maladie: CSV or NDJSON (docs/feed.md), read, checked, without their numbers.

The number of a person goes no further than this module: what leaves it is the keyed hash. That is why each line
passes through Python once; the rest is PostgreSQL's (`documents.feed`).
"""

import csv
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import gt, itemgetter
from pathlib import Path
from typing import BinaryIO

import orjson

from audit.scoped import uuid7s
from documents.care_lines import CareLine
from patients.ins import OID_NIR, OIDS, Ins

REQUIRED = (
    "organisme", "ligne", "version", "matricule", "date_soins", "date_paiement", "nature", "montant", "rembourse",
)  # fmt: skip
OPTIONAL = ("oid", "annulation", "acte", "libelle", "quantite", "praticien", "protege")
COLUMNS = (*REQUIRED, *OPTIONAL)
KINDS = frozenset(CareLine.Kind.values)
LENGTHS = (20, 40, 20, 200, 200)  # organisme, ligne, acte, libelle, praticien
FLAGS = {"": "0", "0": "0", "1": "1"}
MOST = 2_000_000_000  # centimes: what the column holds
KNOWN = 20_000  # numbers remembered at once: files are sorted by person
CHUNK = 8_000_000  # bytes
HASH = 3  # where a row's first hexadecimal digit stands, after COPY's mark of bytes


class WrongFile(Exception):
    """Nothing of the file can be read. Its text is told as it is."""


class Wrong(Exception):
    """Why a line is refused."""


@dataclass
class Chunk:
    """Some lines: what COPY takes, the refused ones by number, and where the file stands after them.

    `halves`: by the hash of the person, so that none is in both, in this chunk nor in another.
    """

    halves: tuple[list[str], list[str]] = field(default_factory=lambda: ([], []))
    rejected: list[tuple[int, str]] = field(default_factory=list)
    lines: int = 0
    offset: int = 0


class Reader:
    """Reads one file, in the form its name says, from an offset on."""

    def __init__(self, path: Path) -> None:
        self.path, self.json = path, path.suffix == ".ndjson"
        if path.suffix not in (".csv", ".ndjson"):
            raise WrongFile("Le nom du fichier finit par .csv ou .ndjson.")
        self._lookups: dict[tuple[str, str], str] = {}

    def chunks(self, offset: int = 0, number: int = 0) -> Iterator[Chunk]:
        """`offset` and `number`: the bytes and the lines of data already read. Raises `WrongFile`."""
        with self.path.open("rb") as file:
            if not self.json:
                self._read_header(file)
            if offset:
                file.seek(offset)
            while lines := file.readlines(CHUNK):
                chunk = Chunk(lines=len(lines), offset=file.tell())
                for place, (key, line) in enumerate(zip(uuid7s(len(lines)), lines, strict=True), number + 1):
                    try:
                        row = self._row(line)
                        chunk.halves[row[HASH] > "7"].append(f"{place}\t{key}\t{row}")
                    except Wrong as error:
                        chunk.rejected.append((place, str(error)))
                number += len(lines)
                yield chunk

    def _read_header(self, file: BinaryIO) -> None:
        try:
            names = [name.strip() for name in file.readline().decode("utf-8-sig").rstrip("\r\n").split(";")]
        except UnicodeDecodeError as error:
            raise WrongFile("Le fichier n'est pas en UTF-8.") from error
        if missing := [name for name in REQUIRED if name not in names]:
            raise WrongFile(f"Colonnes absentes de l'en-tête : {', '.join(missing)}.")
        self._width = len(names)
        # A column that is not there reads the empty cell set after the last.
        self._pick = itemgetter(*(names.index(name) if name in names else self._width for name in COLUMNS))

    def _row(self, line: bytes) -> str:
        cells = self._from_json(line) if self.json else self._from_csv(line)
        return _checked(cells, self._lookup(cells[3], cells[9] or OID_NIR))

    def _from_csv(self, line: bytes) -> Sequence[str]:
        try:
            text = line.decode().rstrip("\r\n")
            cells = text.split(";") if '"' not in text else next(csv.reader([text], delimiter=";", strict=True))
        except (UnicodeDecodeError, csv.Error, StopIteration) as error:
            raise Wrong("La ligne ne se lit pas (UTF-8, guillemets).") from error
        if len(cells) != self._width:
            raise Wrong("La ligne n'a pas le nombre de colonnes de l'en-tête.")
        return self._pick([*cells, ""])

    def _from_json(self, line: bytes) -> Sequence[str]:
        try:
            said = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Wrong("La ligne n'est pas un objet JSON.") from error
        if not isinstance(said, dict):
            raise Wrong("La ligne n'est pas un objet JSON.")
        if any(isinstance(value, dict | list) for value in said.values()):
            raise Wrong("Une valeur est un objet ou une liste.")
        return [_text(said.get(name)) for name in COLUMNS]

    def _lookup(self, matricule: str, oid: str) -> str:
        """The keyed hash in hexadecimal, worked out once a person. Raises `Wrong`, which does not say the number."""
        known = self._lookups.get((matricule, oid))
        if known is None:
            ins = Ins(matricule, oid)
            if oid not in OIDS or len(matricule) != 15 or not matricule.isalnum() or not ins.key_valid:
                raise Wrong("Le matricule n'a pas 15 caractères ou ne va pas avec sa clé.")
            if len(self._lookups) >= KNOWN:
                self._lookups.clear()
            known = self._lookups[matricule, oid] = ins.lookup.hex()
        return known


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def _checked(cells: Sequence[str], lookup: str) -> str:
    """One line of COPY's text format, without its first columns. Raises `Wrong`."""
    source, line, version, _, care, paid, kind, amount, reimbursed, _, cancelled, act, label, *rest = cells
    quantity, provider, protected = rest
    if not source or not line:
        raise Wrong("L'organisme et le numéro de ligne sont nécessaires.")
    texts = (source, line, act, label, provider)
    if not "".join(texts).isprintable() or any(map(gt, map(len, texts), LENGTHS)):
        raise Wrong("Un texte est trop long, ou a des caractères qui ne s'écrivent pas.")
    if kind not in KINDS:
        raise Wrong("La nature n'est pas une de celles de la notice.")
    if cancelled not in FLAGS or protected not in FLAGS:
        raise Wrong("« annulation » et « protege » valent 0 ou 1.")
    values = (
        source, line, _whole(version, 1), FLAGS[cancelled], _day(care), _day(paid), kind, act, label,
        _whole(quantity or "1", 0, 32_767), provider, _whole(amount, -MOST), _whole(reimbursed, -MOST),
        FLAGS[protected],
    )  # fmt: skip
    row = "\t".join(values)
    if "\\" in row:  # COPY's escape
        row = row.replace("\\", "\\\\")
    return f"\\\\x{lookup}\t{row}"


# Days, quantities and amounts come again and again.


@lru_cache(KNOWN)
def _whole(text: str, least: int, most: int = MOST) -> str:
    try:
        value = int(text)
    except ValueError as error:
        raise Wrong("Version, quantité et montants sont des nombres entiers (montants en centimes).") from error
    if not least <= value <= most:
        raise Wrong("Un nombre est hors de ses bornes.")
    return str(value)


@lru_cache(KNOWN)
def _day(text: str) -> str:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise Wrong("Une date n'existe pas, ou n'est pas écrite AAAA-MM-JJ.") from error
    if not 1900 <= day.year <= 2200:
        raise Wrong("Une date est hors du calendrier.")
    return day.isoformat()
