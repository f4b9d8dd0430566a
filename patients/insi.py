"""The INS service (téléservice INSi): who is this, by traits? One door, so that each deployer plugs his own client.

Answers 00, 01, 02 of the service: found, nobody, several (INS implementation guide). Only an identity found is used.
A newcomer has a provisional number (NIA) until the NIR is given: he opens with it (S12, article R1111-31), then the
NIR is attached (`patients.numbers`).
"""

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from patients.ins import OID_TEST, Ins
from patients.names import plain


@dataclass(frozen=True)
class Traits:
    """The strict traits of the INS. `sex`: F, M or U. `birthplace`: INSEE code, empty when unknown."""

    birth_family: str
    given_names: str
    birth_date: dt.date
    sex: str
    birthplace: str = ""


@dataclass(frozen=True)
class Identity:
    """`former`: the numbers that this one replaces, as the service's own history of the INS gives them."""

    ins: Ins
    traits: Traits
    former: tuple[Ins, ...] = ()


class Unavailable(Exception):
    """The service did not answer: the agent tries again, nothing is opened meanwhile."""


class InsService(Protocol):
    def search(self, traits: Traits) -> list[Identity]:
        """Everybody who has these traits. Raises `Unavailable`."""
        ...


def service() -> InsService | None:
    """The one this site is set up with (`DMP_INS_SERVICE`), or None."""
    made: InsService | None = import_string(settings.INS_SERVICE)() if settings.INS_SERVICE else None
    return made


class Demonstration:
    """The demonstration's own answer: a file of invented people with test numbers."""

    FILE = Path(__file__).parent / "demo" / "insi.csv"

    def search(self, traits: Traits) -> list[Identity]:
        with self.FILE.open(newline="") as lines:
            known = [_identity(row) for row in csv.DictReader(lines)]
        return [one for one in known if _same(one.traits, traits)]


def _identity(row: dict[str, str]) -> Identity:
    born = dt.date.fromisoformat(row["birth_date"])
    traits = Traits(row["birth_family"], row["given_names"], born, row["sex"], row["birthplace"])
    former = tuple(Ins(number, OID_TEST) for number in row["former"].split())
    return Identity(Ins(row["number"], OID_TEST), traits, former)


def _same(one: Traits, other: Traits) -> bool:
    """Birth name, first given name, birth date and sex; the birthplace when the agent has it."""
    first = plain(one.given_names).split()[:1] == plain(other.given_names).split()[:1]
    place = not other.birthplace or one.birthplace == other.birthplace
    family = plain(one.birth_family) == plain(other.birth_family)
    return first and place and family and (one.birth_date, one.sex) == (other.birth_date, other.sex)
