"""Tables that belong to one dossier (docs/adr/0002): keys, history and database primary keys.

A dossier is the unit that moves to another machine. Every row of a dossier-scoped table carries
`dossier_id`, its primary key in the database is (dossier_id, id), and whatever reads, locks or
changes it filters by it. Django's state keeps the single `id`.
"""

import os
import time
import uuid
from typing import Any

from django.db import models, router, transaction
from django.db.migrations.operations.base import Operation
from django.db.models.lookups import Exact
from django.db.models.signals import post_delete, pre_delete
from django.db.models.sql.where import WhereNode
from simple_history.models import HistoricalRecords


def uuid7() -> uuid.UUID:
    """A time-ordered key (RFC 9562, 5.7): milliseconds, then their fraction (6.2, method 3), then random bits.

    The fraction, 12 bits of 0.24 µs, keeps what one act makes in the order in which it made it.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return uuid.UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)


def uuid7s(count: int) -> list[str]:
    """Keys of many rows made at once, in hexadecimal: one time and one draw of the system's chance for all."""
    now, chance = f"{time.time_ns() // 1_000_000:012x}", os.urandom(10 * count).hex()
    return [f"{now}7{chance[at : at + 3]}8{chance[at + 3 : at + 18]}" for at in range(0, 20 * count, 20)]


class DossierRouted(models.Model):
    """Whatever saves, deletes or reads this row again names its dossier (scale rule R6)."""

    dossier_key = "dossier_id"  # the attribute that holds it

    class Meta:
        abstract = True

    @property
    def _mine(self) -> dict[str, Any]:
        return {self.dossier_key: vars(self)[self.dossier_key]}

    def _do_update(self, base_qs: Any, *args: Any) -> Any:
        return super()._do_update(base_qs.filter(**self._mine), *args)

    def refresh_from_db(self, using: Any = None, fields: Any = None, from_queryset: Any = None) -> None:
        rows = from_queryset if from_queryset is not None else type(self)._base_manager.using(using)
        super().refresh_from_db(using, fields, rows.filter(**self._mine))

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        """Without Django's cascade: nothing of another table goes with a row (scale rule R7)."""
        using = using or router.db_for_write(type(self), instance=self)
        rows = type(self)._base_manager.using(using)
        rows = rows.filter(pk=self.pk, **self._mine)
        with transaction.atomic(using=using, savepoint=False):
            pre_delete.send(type(self), instance=self, using=using, origin=self)
            count = rows._raw_delete(using)
            post_delete.send(type(self), instance=self, using=using, origin=self)
        return count, {self._meta.label: count}


class DossierScoped(DossierRouted):
    """A row of one dossier. Concrete models declare `dossier`, a real foreign key."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class DossierForeignKey(models.ForeignKey):
    """A reference between two rows of ONE dossier: joins and look-ups carry `dossier_id` too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        super().__init__(*args, **kwargs)

    def get_extra_descriptor_filter(self, instance: Any) -> dict[str, Any]:
        return {"dossier_id": instance.dossier_id}

    def get_extra_restriction(self, alias: str, related_alias: str) -> WhereNode:
        mine: Any = self.model._meta.get_field("dossier")
        other: Any = self.remote_field.model._meta.get_field("dossier")
        same: Any = Exact(other.get_col(alias), mine.get_col(related_alias))
        return WhereNode([same])


class DistributedPK(Operation):
    """Primary key (dossier_id, id) in the database, right after CreateModel (scale rule R2)."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, name: str, columns: tuple[str, ...] = ("dossier_id", "id")) -> None:
        self.name = name
        self.columns = columns

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Django goes on seeing `id` alone."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if not router.allow_migrate_model(schema_editor.connection.alias, model):
            return
        quote, table = schema_editor.quote_name, model._meta.db_table
        constraint = f"{table}_pkey"[:63]
        columns = ", ".join(map(quote, self.columns))
        schema_editor.execute(f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(constraint)}")
        schema_editor.execute(
            f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(constraint)} PRIMARY KEY ({columns})"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """The table goes with the CreateModel before it."""

    def describe(self) -> str:
        return f"Database primary key of {self.name}: ({', '.join(self.columns)})"

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "DistributedPK", [self.name], {"columns": self.columns}


def _author_of(record: Any) -> str | None:
    return record.history_user_id


def _set_author_of(record: Any, author: Any) -> None:
    if author is not None:
        record.history_user_id = getattr(author, "reference", None) or f"user:{author.pk}"


class _Records(HistoricalRecords):
    """A save of columns that the history does not keep leaves no row: a sign-in, which the trail tells, is one."""

    def post_save(self, instance: Any, created: bool, using: Any = None, **more: Any) -> None:
        saved = more.get("update_fields")
        if saved is None or not set(saved) <= set(self.excluded_fields):
            super().post_save(instance, created, using, **more)


def history(**options: Any) -> HistoricalRecords:
    """History rows whose author is text: they need no account, and survive one.

    Set `_history_user` (an Actor) and `_change_reason` before saving.
    """
    return _Records(
        history_id_field=models.UUIDField(default=uuid7),
        history_user_id_field=models.CharField(max_length=120, null=True),
        history_user_getter=_author_of,
        history_user_setter=_set_author_of,
        **options,
    )
