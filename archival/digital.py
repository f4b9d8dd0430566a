"""The digital copy: one ZIP with everything, that opens without this service (docs/copies.md says what is where)."""

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from archival import bundle, canonical, tables
from archival.archive import Archive
from archival.progress import Progress
from archival.selection import Piece, Selection
from documents import bodies, content, contents, trends
from documents.families import all_families


def pieces(selection: Selection, progress: Progress) -> Iterator[bytes]:
    """The archive, as a stream. Raises `vault.Unreadable`: a copy without one of its documents is none."""
    now = timezone.localtime()
    archive = Archive((now.year, now.month, now.day, now.hour, now.minute, now.second // 2 * 2))
    links: dict[int, str] = {}
    for piece in selection.pieces:
        progress(piece.number, f"document {piece.number} sur {len(selection.pieces)}")
        yield from archive.add(piece.file, contents.pieces(piece.document))
        yield from _readable(archive, piece, links)
    files = {piece.document.pk.hex: f"../{piece.file}" for piece in selection.pieces}
    yield from archive.add("fhir/bundle.json", bundle.pieces(selection, files))
    for name, table in _tables(selection):
        yield from archive.add(f"donnees/{name}.csv", table)
    yield from archive.add("index.html", [_index(selection, links, now)])
    text = b"" if selection.copy.legal_id else canonical.text(selection)
    if text:
        yield from archive.add("dossier.json", [text])
    yield from archive.add("manifest.json", [_manifest(selection, archive, text, now)])
    yield from archive.close()


def _tables(selection: Selection) -> Iterator[tuple[str, Iterator[bytes]]]:
    yield "documents", tables.documents(selection)
    yield "resultats", tables.results(selection)
    if selection.copy.legal_id is None:
        yield "soins", tables.care(selection)
        yield "trace", tables.trace(selection)


def _readable(archive: Archive, piece: Piece, links: dict[int, str]) -> Iterator[bytes]:
    """Beside the original: what a person can open of a CDA document, as a page or out of its envelope."""
    row = piece.document
    if row.level == "N3":
        path, made = f"lisible/{piece.name}.html", _page(piece)
    elif (body := bodies.body_of(row)) is not None:
        path, made = f"lisible/{piece.name}.{bodies.EXTENSIONS[body.media_type]}", body.content
    else:
        return
    links[piece.number] = path
    yield from archive.add(path, [made])


def _page(piece: Piece) -> bytes:
    context = {"piece": piece, "narrative": narrative(contents.read(piece.document))}
    return render_to_string("copies/document.html", context).encode()


def narrative(cda: bytes) -> SafeString:
    """Safe: `content.narrative_of` rebuilds fifteen tags in the sandbox and escapes all the rest."""
    return mark_safe(content.narrative_of(cda))  # noqa: S308


def _index(selection: Selection, links: dict[int, str], now: dt.datetime) -> bytes:
    lines = [(piece, links.get(piece.number, "")) for piece in selection.pieces]
    families = [
        (family, [line for line in lines if line[0].document.family == family.slug]) for family in all_families()
    ]
    placed = {line[0].number for _, found in families for line in found}
    others = [line for line in lines if line[0].number not in placed]
    context = {
        "selection": selection,
        "patient": selection.patient,
        "made": now,
        "families": [(family.name, found) for family, found in families if found]
        + ([("Autres", others)] if others else []),
        "curves": trends.curves_of(selection.results, selection.entry.scope) if not selection.copy.legal_id else [],
    }
    return render_to_string("copies/index.html", context).encode()


def _manifest(selection: Selection, archive: Archive, text: bytes, now: dt.datetime) -> bytes:
    documents = {piece.file: piece.document.unique_id for piece in selection.pieces}
    dossier = selection.entry.dossier
    body: dict[str, Any] = {
        "format": canonical.FORMAT,
        "made_at": now.isoformat(timespec="seconds"),
        "files": [
            vars(one) | ({"document": documents[one.path]} if one.path in documents else {})
            for one in archive.members
        ],
    }
    if text:
        body["canonical_digest"] = canonical.digest(text)
        body["caisse"] = {
            "code": dossier.caisse_id,
            "name": dossier.caisse.name,
            "department": dossier.caisse.department,
        }
        body["regime"] = {"code": dossier.regime_id, "name": dossier.regime.name}
    return json.dumps(body, ensure_ascii=False, indent=1).encode()
