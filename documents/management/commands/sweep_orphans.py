from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from documents import sweep


class Command(BaseCommand):
    help = "Compare the contents on disk with the documents; remove files without document, with --apply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="remove; without it, only say")

    def handle(self, *, apply: bool, **options: Any) -> None:
        report = sweep.sweep(apply=apply)
        done = "removed" if apply else "to remove (run again with --apply)"
        self.stdout.write(
            f"{report.rows} documents, {report.files} files. {done}: {len(report.orphans)} files without "
            f"document, {report.leftovers} left-overs of interrupted writes; "
            f"{len(report.strays)} files that are not contents."
        )
        for path in report.strays[:20]:
            self.stderr.write(f"Not a content, left where it is: {path}")
        if report.missing:
            named = ", ".join(str(document_id) for document_id in report.missing[:20])
            raise CommandError(f"{len(report.missing)} documents without file: restore them. {named}")
