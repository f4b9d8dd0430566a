"""A row that was read is written by the columns that changed, lest it undo what another wrote meanwhile.

A place that writes it whole says why. What tests and libraries save themselves is not judged.
"""

import sys
from functools import wraps
from types import FrameType
from typing import Any

from django.db.models import Model

from tests.one_dossier import place_of

# file:function of the product.
WHOLE = {
    "access/admin.py:save_model": "the operator saw every field of it in one form",
    "access/consents.py:make_grid": "under the lock of its dossier",
    "access/consents.py:set_pin": "the same",
    "access/grants.py:save": "the same",
    "access/matrix.py:load": "under its own lock",
    "access/persons.py:_save": "under the lock of its dossier",
    "access/recovery.py:_new_code": "under the lock of its account",
    "access/staff_accounts.py:_save": "the same",
    "archival/making.py:_finish": "under its own lock",
    "documents/opening.py:open_to": "under the lock of its dossier",
    "patients/opening_rules.py:_save": "one operator's command at a time",
    "patients/requests.py:_step": "under its own lock",
}


class Writer:
    """Keeps what it found until a test takes it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def judge(self, row: Model, caller: FrameType) -> None:
        while caller.f_code.co_name == "save" and caller.f_locals.get("self") is row and caller.f_back:
            caller = caller.f_back  # the model's own, on its way to Django's
        here = caller.f_code.co_filename
        if "site-packages" in here:
            return
        place = place_of(caller)
        if place and place not in WHOLE:
            self.found.append(f"{place}: {type(row).__name__} written whole")


writer = Writer()


def write() -> None:
    """For the whole of a session."""
    save = Model.save

    @wraps(save)
    def judged(self: Model, *args: Any, **how: Any) -> None:
        forced = how.get("force_insert") or how.get("force_update")
        if not (self._state.adding or forced or how.get("update_fields") is not None):
            writer.judge(self, sys._getframe(1))
        save(self, *args, **how)

    Model.save = judged  # type: ignore[method-assign]
