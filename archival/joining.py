"""Several tagged PDF of one layout engine made one: pages, structure, outline, links. Runs in the child.

Each part has a structure tree of its own (ISO 32000-1, 14.7): its elements go under the document of the first, and
the numbers by which pages and links find theirs are shifted past those already there.
"""

import io
from collections.abc import Mapping, Sequence

import pikepdf
from pikepdf import Array, Dictionary, Name, OutlineItem

SCHEME = "doc:"
PART = "Documents"


def join(front: bytes, parts: Sequence[bytes], places: Mapping[int, int], titles: Sequence[tuple[int, str]]) -> bytes:
    """`places`: on which page, from 0, each numbered document begins."""
    with pikepdf.open(io.BytesIO(front)) as pdf:
        for part in parts:
            with pikepdf.open(io.BytesIO(part)) as other:
                _add(pdf, other)
        _lead(pdf, places)
        with pdf.open_outline() as outline:
            if titles:
                chapter = OutlineItem(PART, places[titles[0][0]])
                chapter.children.extend(OutlineItem(title, places[number]) for number, title in titles)
                outline.root.append(chapter)
        target = io.BytesIO()
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return target.getvalue()


def _add(pdf: pikepdf.Pdf, other: pikepdf.Pdf) -> None:
    """The pages first: what is copied after them finds them again."""
    tree = pdf.Root.StructTreeRoot
    shift = max([-1, *(int(key) for key in list(tree.ParentTree.Nums)[::2])]) + 1
    before = len(pdf.pages)
    pdf.pages.extend(other.pages)
    for page in list(pdf.pages)[before:]:
        page.obj[Name.StructParents] = int(page.obj.StructParents) + shift
        for annotation in page.obj.get("/Annots", Array()):
            if "/StructParent" in annotation:
                annotation[Name.StructParent] = int(annotation.StructParent) + shift
    added = pdf.copy_foreign(other.Root.StructTreeRoot)
    document = tree.K[0]
    for element in added.K[0].K:
        element[Name.P] = document
        document.K.append(element)
    numbers = list(added.ParentTree.Nums)
    for key, value in zip(numbers[::2], numbers[1::2], strict=True):
        tree.ParentTree.Nums.append(int(key) + shift)
        tree.ParentTree.Nums.append(value)


def _lead(pdf: pikepdf.Pdf, places: Mapping[int, int]) -> None:
    """A link to `doc:12` leads to the page of that document; no other address stays in the book."""
    for page in pdf.pages:
        for annotation in page.obj.get("/Annots", Array()):
            address = str(annotation.get("/A", Dictionary()).get("/URI", ""))
            if "/A" in annotation:
                del annotation[Name.A]
            number = address.removeprefix(SCHEME)
            if address.startswith(SCHEME) and number.isdigit() and int(number) in places:
                target = pdf.pages[places[int(number)]].obj
                annotation[Name.Dest] = Array([target, Name.XYZ, None, None, None])
