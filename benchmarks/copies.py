"""300 documents copied on paper and as a ZIP: how long, and how much memory (the aim: a minute, 300 MB).

    python benchmarks/copies.py

Needs the DMP_* settings the tests use (DMP_DATABASE_URL: a PostgreSQL whose role may create databases) and the
development dependencies. Two databases of its own, taken away at the end. Half of the documents are level 3 CDA
reports with results, a third scanned letters of two pages, the rest photographs. Memory is resident, at its highest:
of this process, in place of the worker, and of each child that it asked.
"""

import io
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import ground

COUNT = 300


def letter(number: int) -> bytes:
    """Two pages of text as a scanner makes them: the heaviest that is usual."""
    pages = []
    for page in range(2):
        image = Image.new("L", (1240, 1754), 255)
        draw = ImageDraw.Draw(image)
        for line in range(50):
            draw.text((120, 120 + line * 30), f"Document {number}, page {page}, ligne {line} " * 3, fill=0)
        pages.append(image)
    target, clean = io.BytesIO(), io.BytesIO()
    pages[0].save(target, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    with pikepdf.open(target) as pdf:
        pdf.save(clean)
    return clean.getvalue()


def photograph(number: int) -> bytes:
    target = io.BytesIO()
    Image.effect_noise((1600, 1200), 60 + number % 20).convert("RGB").save(target, "JPEG", quality=80)
    return target.getvalue()


def fill(dossier: Any) -> int:
    from tests.archival import laid

    size = 0
    biology = {"type_code": "11502-2", "family": "biologie"}
    for number in range(COUNT):
        title, kind = f"Document {number}", number % 6
        if kind < 3:
            row = laid.lay(dossier, "antoine/biologie-20251218.xml", title=title, **biology)
        elif kind < 5:
            row = laid.lay(dossier, content=letter(number), kind="application/pdf", title=title)
        else:
            row = laid.lay(dossier, content=photograph(number), kind="image/jpeg", title=title, family="imagerie")
        size += row.size
    return size


def peak(process: int | str) -> int:
    """Megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def measure() -> None:
    from django.conf import settings
    from django.core.management import call_command

    from archival import copies
    from documents.sandbox import Child, sandbox
    from tests.archival import laid

    settings.CELERY_TASK_ALWAYS_EAGER = False
    copies._wake = lambda row: None
    for alias in ("default", "keys"):
        call_command("migrate", database=alias, verbosity=0)
    call_command("load_code_tables", apply=True, stdout=io.StringIO())
    peaks: list[int] = []
    end = Child.end

    def watched(self: Child) -> None:
        peaks.append(peak(self.process.pid))
        end(self)

    Child.end = watched  # type: ignore[method-assign]
    dossier = laid.dossier()
    size = fill(dossier)
    print(f"{COUNT} documents, {size / 1e6:.1f} MB")
    for kind in ("digital", "paper"):
        row = laid.ask(dossier, kind)
        peaks.clear()
        Path("/proc/self/clear_refs").write_text("5")  # the highest begins anew
        begin = time.monotonic()
        row = laid.made(row)
        print(
            f"{kind}: {row.state} in {time.monotonic() - begin:.1f} s, {(row.size or 0) / 1e6:.1f} MB; "
            f"at most {peak('self')} MB here, {max([0, *peaks])} MB in a child"
        )
    sandbox.end()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its databases are taken away
    with ground.own_databases(), tempfile.TemporaryDirectory() as folder:
        ground.set_up_django(Path(folder))
        measure()


if __name__ == "__main__":
    main()
