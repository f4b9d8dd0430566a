"""What a holder changes about herself and her dossier: contacts, and what an emergency may open.

Each act runs inside the gate, opened for it, with history and trace. The trace says what kind of thing changed,
never the address or the number themselves.
"""

from access.gate import Entry
from patients import dossiers
from patients.models import Dossier, Patient

CONTACTS = ("email", "phone")
EMERGENCY = ("allows_break_glass", "allows_regulation", "shows_masked_in_emergency")


def change_contacts(entry: Entry, patient: Patient, *, email: str, phone: str) -> bool:
    """Where the notices go. False, and nothing written but the trace of the visit, when nothing changed."""
    former = patient.email
    changed = _change(entry, patient, {"email": email, "phone": phone})
    if changed:
        dossiers.tell_former(entry.dossier.pk, former)
    entry.trace(detail={"setting": "contacts", "changed": changed})
    return bool(changed)


def change_emergency(entry: Entry, **switches: bool) -> bool:
    """The express oppositions of article R1111-48, and whether masked documents show in an emergency (D6)."""
    changed = _change(entry, entry.dossier, {name: switches[name] for name in EMERGENCY})
    now = {name: bool(switches[name]) for name in changed}
    entry.trace(detail={"setting": "urgence", "changed": changed, **now})
    return bool(changed)


def change_new_documents(entry: Entry, *, masks_new_documents: bool) -> bool:
    """Whether what professionals add from now on is masked. What is there already stays as it is."""
    changed = _change(entry, entry.dossier, {"masks_new_documents": masks_new_documents})
    entry.trace(detail={"setting": "nouveaux", "changed": changed, "on": masks_new_documents})
    return bool(changed)


def _change(entry: Entry, row: Patient | Dossier, wanted: dict[str, str | bool]) -> list[str]:
    """The names of the fields that changed, saved with their author."""
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    if changed:
        for name in changed:
            setattr(row, name, wanted[name])
        row._history_user = entry.actor  # type: ignore[union-attr]
        row.save(update_fields=changed)
    return changed
