"""PostgreSQL keeps samples of what columns hold (pg_statistic), and keeps them when the rows are gone.

A destruction could not reach them: the words of a destroyed dossier stayed readable in the catalogue, as long as
nothing analysed the table again, or for ever if it was left empty. So none is taken of any text that a person or a
professional may have written. Codes (columns with choices), dates and keys are sampled: the planner lives on those.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connections, models

from archival.purge import REACH

ACCOUNTS = ("access_user", "access_historicaluser", "account_emailaddress")  # they go with the dossier they served
WRITTEN = (models.CharField, models.TextField, models.JSONField, ArrayField)


def columns() -> Iterator[tuple[str, str]]:
    """Table and column of each text of a dossier or of its accounts."""
    reached = {*REACH, *ACCOUNTS}
    for model in apps.get_models():
        if model._meta.db_table in reached:
            for field in model._meta.concrete_fields:
                if isinstance(field, WRITTEN) and not field.choices and field.column:
                    yield model._meta.db_table, field.column


def take_none(using: str = "default", **options: Any) -> None:
    """After the migrations, as the owner of the tables; safe to run again. Partitions follow their table."""
    if using != "default":
        return
    with connections[using].cursor() as cursor:
        known = set(connections[using].introspection.table_names(cursor))
        wanted: dict[str, list[str]] = {}
        for table, column in columns():
            if table in known:
                wanted.setdefault(table, []).append(f'ALTER COLUMN "{column}" SET STATISTICS 0')
        for table, changes in wanted.items():
            cursor.execute(f'ALTER TABLE "{table}" {", ".join(changes)}')
