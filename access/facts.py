"""The words of a decision: what is asked, for what, by whom, on what ground; and the facts it rests on."""

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What is asked for."""

    LIST = "list"  # list, search: the whole dossier as far as his rights go
    OPEN = "open"  # one document by its id
    OWN = "own"  # what he deposited himself
    DEPOSIT = "deposit"
    MANAGE = "manage"  # the holder's own settings: profile, emergencies, carers, masking
    AUTHORISE = "authorise"  # the holder's decisions about professionals
    TRAIL = "trail"  # the trace, as its holder reads it
    EXISTS = "exists"  # is there a dossier, in which state, and may I (D17)
    RECORD = "record"  # a professional records what the holder said to him, or asks him
    BREAK = "break"  # a professional breaks the glass
    CLOSE = "close"  # a professional passes on that the holder wants it closed


class Purpose(StrEnum):
    """For what the professional says he calls (his software sends it; by default, care)."""

    CARE = "care"
    EMERGENCY = "emergency"  # uses an authorisation given for emergencies only
    REGULATION = "regulation"  # SAMU-Centre 15: the claim of his token must say so too
    SECRET = "secret"  # noqa: S105 (a secret session with a minor, D11)


class Ground(StrEnum):
    """Why: what the professional is told, what the trace keeps, what the holder reads."""

    # allowed
    HOLDER = "holder"
    REPRESENTATIVE = "representative"
    CARER = "carer"
    TREATING_DOCTOR = "treating_doctor"
    AUTHORISED = "authorised"
    BREAK_GLASS = "break_glass"
    REGULATION = "regulation"
    EMERGENCY_NUMBER = "emergency_number"
    OPENED_TO_HIM = "opened_to_him"  # one masked document opened to one person
    AUTHOR = "author"
    FEEDING = "feeding"
    IDENTIFIED = "identified"
    # refused
    CLOSED = "closed"
    BLOCKED = "blocked"
    NOT_AUTHORISED = "not_authorised"
    EXPIRED = "expired"
    EMERGENCY_ONLY = "emergency_only"  # authorised for emergencies, and this is not said to be one
    EXPRESS_NEEDED = "express_needed"  # occupational doctor, PMI doctor (D18)
    NOT_ENTITLED = "not_entitled"  # the profession, or the situation, reads nothing
    NOT_CONCERNED = "not_concerned"
    NOT_A_PERSON = "not_a_person"  # a structure's certificate or software feeds and never reads
    NOT_A_REGULATOR = "not_a_regulator"
    READS_ONLY = "reads_only"  # the Centre 15 consults and does not write (D7)
    OPPOSED = "opposed"  # the holder opposed this emergency mode (R1111-48)
    OF_AGE = "of_age"  # the parents' right ended at the majority
    NOT_OF_AGE = "not_of_age"  # no account of one's own before it (D11), no secret session after it


class Role(StrEnum):
    """How the actor stands to the dossier, as his session says."""

    PROFESSIONAL = "professional"
    STRUCTURE = "structure"
    HOLDER = "holder"
    PARENT = "parent"
    GUARDIAN = "guardian"
    CARER = "carer"
    OTHER = "other"  # counter, operator, insurer, super-user: never reads (D19)


class Right(StrEnum):
    """What a carer may be given, one by one; nothing by default."""

    READ = "read"
    MASKED = "masked"  # reads also what is masked to professionals
    DEPOSIT = "deposit"
    AUTHORISE = "authorise"
    TRAIL = "trail"


REPRESENTATIVES = frozenset({Role.PARENT, Role.GUARDIAN})
PERSONS = REPRESENTATIVES | {Role.HOLDER, Role.CARER}


@dataclass(frozen=True)
class Authorisation:
    """A running authorisation to consult, as the holder limited it."""

    types: frozenset[str] | None = None  # limited to these types of documents; None: every type
    emergency_only: bool = False
    express: bool = False  # given by the holder himself to that person (D18)


@dataclass(frozen=True)
class Facts:
    """What the policy needs to know, read in one query by the gate."""

    role: Role
    dossier_id: uuid.UUID
    at: dt.datetime
    is_open: bool = True
    minor: bool = False  # the holder has not come of age
    # of a professional
    author: str = ""  # the reference under which his documents carry him
    purpose: Purpose = Purpose.CARE
    regulator: bool = False  # his token says so (Acces_Regulation_Medicale)
    needs_express: bool = False  # occupational doctor, PMI doctor
    blocked: bool = False
    authorisation: Authorisation | None = None
    expired: bool = False  # had an authorisation that ended
    treating: bool = False
    broke_glass: bool = False  # a break-glass of his runs
    typed_number: bool = False  # he typed the holder's emergency number, and that still runs
    documents: frozenset[uuid.UUID] = frozenset()  # masked documents opened to him alone
    readable: frozenset[str] = frozenset()  # types his profession reads: the matrix in force
    vital: frozenset[str] = frozenset()  # types an emergency number opens
    # of the dossier: the holder's three switches
    allows_break_glass: bool = True
    allows_regulation: bool = True
    shows_masked_in_emergency: bool = False
    # of a carer
    rights: frozenset[str] = frozenset()
