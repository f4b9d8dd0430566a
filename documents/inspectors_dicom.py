"""DICOM, inside the sandbox: the data set without its pixels. Never written back: pydicom may need gigabytes."""

import io
import re
import warnings
from collections.abc import Iterable
from typing import Any

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR

from documents.inspectors_signatures import EXECUTABLE, Broken, Refuse, ends_as_archive

FACTS = (
    *("Modality", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID"),
    *("PatientName", "StudyDate", "AccessionNumber", "Rows", "Columns", "NumberOfFrames"),
)
MAX_NESTING = 32  # sequences in sequences; structured reports stay under ten
MAX_PIXELS = 200_000_000  # in one frame
PIXELS = (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10")  # tag 7FE0,0010 in both byte orders
DEFLATED = "1.2.840.10008.1.2.1.99"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
MARKUP = re.compile(rb"<(?:\?|!|[a-z])", re.I)
DAMAGED = "Le fichier DICOM est abîmé ou incomplet : exportez-le à nouveau, puis recommencez."


def dicom(content: bytes) -> dict[str, Any]:
    preamble = content[:128].lstrip()
    if preamble.startswith((*EXECUTABLE, b"%PDF")) or MARKUP.search(preamble) or ends_as_archive(content):
        raise Refuse("Le DICOM cache un autre fichier : exportez-le à nouveau depuis le logiciel d'imagerie.")
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(file, stop_before_pixels=True, force=False)
            syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
            whole = syntax == DEFLATED or _holds_pixels(content, file.tell(), syntax)
            deep = _is_deep(dataset)
            facts = {name: str(dataset.get(name, "") or "")[:200] for name in FACTS} | {"TransferSyntaxUID": syntax}
            pixels = int(facts["Rows"] or 0) * int(facts["Columns"] or 0)
    except RecursionError:
        deep = True
    except MemoryError:
        raise
    except Exception as error:  # pydicom raises whatever it meets
        raise Broken(DAMAGED) from error
    if deep:
        raise Refuse("Le DICOM est imbriqué au-delà du raisonnable.")
    if not whole or not facts["SOPInstanceUID"] or not syntax:
        raise Broken(DAMAGED)
    if pixels > MAX_PIXELS:
        raise Refuse("L'image DICOM annonce des dimensions impossibles.")
    return {"dicom": facts}


def _holds_pixels(content: bytes, at: int, syntax: str) -> bool:
    """The pixel data that the reader stopped at is there to its end (PS3.5, 7.1 and A.4)."""
    if content[at : at + 4] not in PIXELS:
        return True
    order = "big" if content[at : at + 4] == PIXELS[1] else "little"
    start = at + (8 if syntax == "1.2.840.10008.1.2" else 12)
    length = int.from_bytes(content[start - 4 : start], order)  # type: ignore[arg-type]
    if length == 0xFFFFFFFF:
        return SEQUENCE_END in content[start:]
    return start + length <= len(content)


def _is_deep(dataset: Any) -> bool:
    """Without recursion: sequences are opened level by level, nothing else is read."""
    level: list[Any] = [dataset]
    for _ in range(MAX_NESTING):
        level = [item for one in level for item in _items(one)]
        if not level:
            return False
    return True


def _items(dataset: Any) -> Iterable[Any]:
    for tag in list(dataset.keys()):
        raw = dataset.get_item(tag)
        said = raw.VR or (dictionary_VR(tag) if dictionary_has_tag(tag) else "")
        if said == "SQ":
            yield from dataset[tag].value or ()
