"""The data key of each dossier, kept wrapped in a database of its own.

An ordinary backup does not hold it: once destroyed, what the backup holds can never be read again.
"""

import uuid
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connections, transaction

from documents.vault import MasterKeys, Unreadable
from patients.models import Dossier


class KeysRouter:
    """`documents.DataKey` lives in the database `keys`; everything else in `default`."""

    def _is_key(self, model: Any) -> bool:
        return bool(model._meta.label_lower == "documents.datakey")

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "keys" if self._is_key(model) else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool:
        is_key = app_label == "documents" and model_name == "datakey"
        return is_key if db == "keys" else not is_key


@lru_cache
def master_keys() -> MasterKeys:
    return MasterKeys.parse(settings.MASTER_KEYS)


def make(dossier_id: uuid.UUID) -> bytes:
    """The data key of this dossier, made if it has none: 32 bytes. Twice at once: one wins.

    Raises `Unreadable` when the dossier is destroyed: a key made after its own went would outlive it. Under the lock
    that a destruction takes first: it comes before, and there is no key, or after, and the key goes with the rest.
    """
    try:
        return of(dossier_id)
    except Unreadable:
        with transaction.atomic():
            rows = Dossier.objects.select_for_update(of=("self",), no_key=True).filter(pk=dossier_id)
            if not rows.exclude(state=Dossier.State.DESTROYED).exists():
                raise
            return _made(dossier_id)


def _made(dossier_id: uuid.UUID) -> bytes:
    from documents.models import DataKey
    from documents.vault import new_data_key

    key = new_data_key()
    wrapped = master_keys().wrap(key, dossier_id)
    try:
        with transaction.atomic(using="keys"):
            DataKey.objects.create(dossier_id=dossier_id, version=wrapped.version, wrapped=wrapped.blob)
    except IntegrityError:
        return of(dossier_id)
    return key


def of(dossier_id: uuid.UUID) -> bytes:
    """Raises `Unreadable` when the dossier has no key: nothing was deposited, or it is destroyed."""
    with connections["keys"].cursor() as cursor:
        cursor.execute("SELECT version, wrapped FROM documents_datakey WHERE dossier_id = %s", [dossier_id])
        row = cursor.fetchone()
    if row is None:
        raise Unreadable("Ce dossier n'a pas de clé.")
    version, wrapped = row
    return master_keys().unwrap(version, bytes(wrapped), dossier_id)
