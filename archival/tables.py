"""The tables of a digital copy as CSV: UTF-8 with its mark, semicolons, what a French spreadsheet opens by itself."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from access import words
from archival.selection import Selection
from audit.models import Trace
from documents import activity, trends

NUMBER = re.compile(r"[+-]?\d+(?:,\d+)?")


def documents(selection: Selection) -> Iterator[bytes]:
    heads = ("Numéro", "Date", "Titre", "Type", "Auteur", "Lieu", "Format", "Taille (octets)", "État", "Masqué")
    rows = (
        (
            piece.number,
            _day(piece.document.created),
            piece.document.title,
            piece.kind,
            piece.author,
            piece.document.author_structure_name,
            piece.format,
            piece.document.size,
            piece.document.get_state_display(),
            "oui" if piece.document.is_masked else "non",
            piece.file,
            bytes(piece.document.sha256).hex(),
        )
        for piece in selection.pieces
    )
    return _table((*heads, "Fichier", "SHA-256"), rows)


def results(selection: Selection) -> Iterator[bytes]:
    numbers = {piece.document.pk: piece.number for piece in selection.pieces}
    heads = (
        "Date",
        "Analyse",
        "Résultat",
        "Unité",
        "Valeurs habituelles",
        "Remarque",
        "Antériorité",
        "Code",
        "Document",
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for one in selection.results:
            (line,) = trends.rows_of([one])
            prior = "oui" if one.prior else "non"
            at, number = _day(one.at) if one.at else "", numbers[one.document_id]
            yield at, line.display, line.value, line.unit, line.range, line.word, prior, one.code, number

    return _table(heads, rows())


def care(selection: Selection) -> Iterator[bytes]:
    heads = ("Date des soins", "Nature", "Libellé", "Quantité", "Professionnel", "Montant (€)", "Remboursé (€)")
    rows = (
        (
            f"{row.care_date:%d/%m/%Y}",
            row.get_kind_display(),
            row.label or row.act,
            row.quantity,
            row.provider,
            _euros(row.amount),
            _euros(row.reimbursed),
        )
        for row in selection.care
    )
    return _table(heads, rows)


def trace(selection: Selection) -> Iterator[bytes]:
    """Who did what, as the page Activité says it, what this person may not know left out (L1111-19, R1111-43)."""
    entry, me = selection.entry, selection.entry.actor.id
    heads = ("Date et heure", "Qui", "Qualité", "Acte", "Accepté", "Mode", "Règle", "Raison donnée")
    titles = {piece.document.pk: piece.document.title for piece in selection.pieces}

    def rows() -> Iterator[tuple[Any, ...]]:
        for one in activity.visible(entry).latest_first().iterator(chunk_size=500):
            yield (
                timezone.localtime(one.at).strftime("%d/%m/%Y %H:%M:%S"),
                words.who(one, me),
                words.quality(one),
                words.what(one, me, _object(one, titles)),
                "oui" if one.allowed else "non",
                words.mode(one),
                words.why(one).rule,
                one.reason,
            )

    return _table(heads, rows())


def _object(one: Trace, titles: dict[Any, str]) -> str:
    if one.object_kind == "professional":
        return words.polite(one.object_title) or "un professionnel"
    title = titles.get(one.object_id)
    return f"le document « {title} »" if title else "un document"


def _table(heads: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    yield "\ufeff".encode()
    target = io.StringIO()
    writer = csv.writer(target, delimiter=";", lineterminator="\r\n")
    writer.writerow(list(heads))
    for row in rows:
        writer.writerow([_cell(one) for one in row])
        if target.tell() > 1 << 15:
            yield target.getvalue().encode()
            target.seek(0)
            target.truncate()
    yield target.getvalue().encode()


def _cell(value: Any) -> Any:
    """What a spreadsheet would run as a formula is shown as the text it is (CWE-1236)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _day(moment: datetime) -> str:
    return timezone.localtime(moment).strftime("%d/%m/%Y")


def _euros(cents: int) -> str:
    return f"{cents / 100:.2f}".replace(".", ",")
