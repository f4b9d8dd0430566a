"""What every command that changes something has in common: until it is told --apply, it says and does nothing."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction
from rich.progress import MofNCompleteColumn, Progress, TextColumn

TRIAL = "Essai : rien n'est changé (relancez avec --apply)."


class Acting(BaseCommand):
    def to_apply(self, parser: CommandParser, words: str = "le faire, et pas seulement le dire") -> None:
        parser.add_argument("--apply", action="store_true", help=words)

    @contextmanager
    def trial(self, apply: bool, *databases: str) -> Iterator[None]:
        """All of it in one transaction, undone without --apply: what is said is what would be done."""
        with ExitStack() as stack:
            for alias in databases or ("default",):
                stack.enter_context(transaction.atomic(using=alias))
            yield
            if not apply:
                for alias in databases or ("default",):
                    transaction.set_rollback(True, using=alias)

    def conclude(self, said: str, *, apply: bool) -> None:
        self.stdout.write(said if apply else f"{said} {TRIAL}")


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """How far it is, on a terminal; nothing in a journal."""
    columns = (TextColumn(what), MofNCompleteColumn())
    with Progress(*columns, transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task(what, total=total)

        def show(count: int) -> None:
            bar.update(task, completed=count)

        yield show
