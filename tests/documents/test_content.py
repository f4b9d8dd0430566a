"""What may be filed: each rule of each format, on contents made here."""

import base64
import io
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence

from documents import content
from documents.content import Inadmissible

CDA = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="1.2.250.1.213.1.1.9.1"/><code code="11488-4" codeSystem="2.16.840.1.113883.6.1"/><title>Compte rendu</title>
<effectiveTime value="20260228101500+0100"/><recordTarget><patientRole>
<id root="1.2.3" extension="IPP1"/><id root="1.2.250.1.213.1.4.10" extension="279035121518989"/>
<patient><name><given>Rosalie Anne</given><family qualifier="BR">ESSAI</family></name></patient>
</patientRole></recordTarget><component>BODY</component></ClinicalDocument>"""
NARRATIVE = "<structuredBody><component><section><text>Bonjour</text></section></component></structuredBody>"


def cda(body=NARRATIVE, **changes):
    written = CDA.replace("BODY", body)
    for old, new in changes.pop("changed", ()):
        assert old in written
        written = written.replace(old, new, 1)
    return written.encode()


def level1(data, media_type, representation="B64"):
    text = base64.b64encode(data).decode() if representation == "B64" else data.decode()
    return cda(
        f'<nonXMLBody><text mediaType="{media_type}" representation="{representation}">{text}</text></nonXMLBody>'
    )


def with_media(data, media_type):
    media = f'<observationMedia ID="M1"><value mediaType="{media_type}" representation="B64">'
    media += base64.b64encode(data).decode() + "</value></observationMedia>"
    return cda(NARRATIVE.replace("</text>", f"</text><entry>{media}</entry>"))


def pdf(change=lambda document: None):
    document = pikepdf.new()
    document.add_blank_page()
    change(document)
    written = io.BytesIO()
    document.save(written, stream_decode_level=pikepdf.StreamDecodeLevel.none, compress_streams=False)
    return written.getvalue()


def image(kind, size=(40, 30), mode="RGB", **options):
    written = io.BytesIO()
    Image.new(mode, size).save(written, kind, **options)
    return written.getvalue()


def dicom(*, preamble=b"\0" * 128, depth=0, pixels=None):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = "1.2.840.10008.5.1.4.1.1.7", "1.2.3", "OT"
    inner = dataset
    for _ in range(depth):
        item = Dataset()
        inner.ContentSequence = Sequence([item])
        inner = item
    if pixels is not None:
        dataset.Rows, dataset.Columns, dataset.BitsAllocated = 4, 4, 8
        dataset.PixelData = pixels
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.preamble = preamble
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()


RTF = rb"{\rtf1\ansi Bonjour {\field{\*\fldinst HYPERLINK 'https://hopital.example'}{\fldrslt ici}}}"
ADMITTED = {
    "pdf": (pdf(), "application/pdf", "application/pdf"),
    "jpeg": (image("JPEG"), "image/jpeg", "image/jpeg"),
    "jpeg, its other name": (image("JPEG"), "image/jpg", "image/jpeg"),
    "jpeg of a telephone": (
        image("MPO", save_all=True, append_images=[Image.new("RGB", (20, 15))]),
        "image/jpeg",
        "image/jpeg",
    ),
    "png": (image("PNG"), "image/png", "image/png"),
    "tiff of two pages": (
        image("TIFF", mode="L", save_all=True, append_images=[Image.new("L", (9, 9))]),
        "image/tiff",
        "image/tiff",
    ),
    "jpeg of 64 million points": (image("JPEG", (8000, 8000), "L"), "image/jpeg", "image/jpeg"),
    "rtf": (RTF, "application/rtf", "text/rtf"),
    "text": ("Glycémie < 5 mmol/L\r\n".encode(), "text/plain; charset=utf-8", "text/plain"),
    "text of Windows": ("Glycémie à 5 €".encode("cp1252"), "text/plain", "text/plain"),
    "text that starts with a sign": (b"< 10 mg/L", "text/plain", "text/plain"),
    "dicom": (dicom(pixels=b"\0" * 16), "application/dicom", "application/dicom"),
    "dicom that is a TIFF too": (dicom(preamble=b"II*\0" + b"\0" * 124), "application/dicom", "application/dicom"),
    "cda level 3": (cda(), "text/xml", "text/xml"),
    "cda, its own type": (cda(), "application/hl7-v3+xml", "text/xml"),
    "cda with an ordinary sheet": (
        cda(changed=[("\n<Clin", '<?xml-stylesheet type="text/xsl" href="../FeuilleDeStyle/cda_asip.xsl"?><Clin')]),
        "application/xml",
        "text/xml",
    ),
    "cda level 1 of a pdf": (level1(pdf(), "application/pdf"), "text/xml", "text/xml"),
    "cda level 1 of text": (level1(b"Bonjour", "text/plain", "TXT"), "text/xml", "text/xml"),
    "pdf with data attached": (
        pdf(
            lambda d: d.attachments.__setitem__(
                "cda.xml", pikepdf.AttachedFileSpec(d, b"<ClinicalDocument/>", filename="cda.xml")
            )
        ),
        "application/pdf",
        "application/pdf",
    ),
    "pdf with a link to a site": (
        pdf(lambda d: setattr(d.Root, "A", Dictionary(S=Name.URI, URI="https://hopital.example"))),
        "application/pdf",
        "application/pdf",
    ),
}


@pytest.mark.parametrize(("data", "declared", "served"), ADMITTED.values(), ids=ADMITTED.keys())
def test_is_admitted(data, declared, served):
    inspection = content.inspect(data, declared)
    assert (inspection.media_type, inspection.size, inspection.scan) == (served, len(data), "unscanned")
    assert (len(inspection.sha1), len(inspection.sha256)) == (20, 32)


def attached(data, name):
    return pdf(lambda d: d.attachments.__setitem__("a", pikepdf.AttachedFileSpec(d, data, filename=name)))


def in_an_array_apart(document):
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, A=Dictionary(S=Name.JavaScript, JS="app.alert(1)"))
    document.pages[0].Annots = document.make_indirect(Array([link]))


def stream(data, *filters):
    def change(document):
        made = pikepdf.Stream(document, b"")
        made.write(data, filter=Array([Name(name) for name in filters]))
        document.pages[0].Contents = made

    return change


BIG = zlib.compress(bytes(150_000_000), 9)
JPEG = image("JPEG")
HTML = b"<html><script>alert(1)</script></html>"
ARCHIVE = b"PK\x05\x06" + b"\0" * 18
REFUSED = {
    "script in an array of its own": (pdf(in_an_array_apart), "application/pdf", "contenu actif"),
    "launch, deep in arrays": (
        pdf(lambda d: setattr(d.Root, "X", Array([Array([Array([Dictionary(S=Name.Launch)])])]))),
        "application/pdf",
        "contenu actif",
    ),
    "link to a local file": (
        pdf(lambda d: setattr(d.Root, "A", Dictionary(S=Name.URI, URI="file:///etc/passwd"))),
        "application/pdf",
        "lien vers un fichier",
    ),
    "link to a shared folder": (
        pdf(lambda d: setattr(d.Root, "A", Dictionary(S=Name.URI, URI="\\\\serveur\\partage"))),
        "application/pdf",
        "lien vers un fichier",
    ),
    "video": (
        pdf(lambda d: setattr(d.pages[0], "Annots", Array([Dictionary(Subtype=Name.RichMedia)]))),
        "application/pdf",
        "vidéo",
    ),
    "program under a quiet name": (attached(b"MZ" + bytes(99), "data.txt"), "application/pdf", "fichier joint"),
    "data under a loud name": (attached(b"bonjour", "data.xml.exe. "), "application/pdf", "fichier joint"),
    "pdf in a pdf": (attached(pdf(), "data.xml"), "application/pdf", "fichier joint"),
    "flate bomb": (pdf(stream(BIG, "/FlateDecode")), "application/pdf", "se décompresse"),
    "flate bomb under ASCII85": (
        pdf(stream(base64.a85encode(BIG) + b"~>", "/ASCII85Decode", "/FlateDecode")),
        "application/pdf",
        "se décompresse",
    ),
    "flate twice": (pdf(stream(zlib.compress(BIG), "/FlateDecode", "/FlateDecode")), "application/pdf", "empile"),
    "page of 500 km": (pdf(lambda d: setattr(d.pages[0], "UserUnit", 99_999)), "application/pdf", "dimensions"),
    "pdf that is an archive": (pdf() + ARCHIVE, "application/pdf", "archive ZIP"),
    "jpeg then html": (JPEG + HTML, "image/jpeg", "cache un autre fichier"),
    "jpeg then html then its end again": (JPEG + HTML + b"\xff\xd9", "image/jpeg", "cache un autre fichier"),
    "png then html": (image("PNG") + HTML, "image/png", "cache un autre fichier"),
    "png that is an archive": (image("PNG") + ARCHIVE, "image/png", "cache un autre fichier"),
    "half a jpeg": (image("JPEG", (800, 600))[:2000], "image/jpeg", "abîmée"),
    "png of 49 million points in colour": (image("PNG", (7000, 7000)), "image/png", "trop grande"),
    "png announced jpeg": (image("PNG"), "image/jpeg", "mais c'est une image PNG"),
    "office file announced pdf": (b"PK\x03\x04" + bytes(30), "application/pdf", "archive ZIP ou un fichier bureau"),
    "web page announced text": (HTML, "text/plain", "mais c'est une page web"),
    "web page announced cda": (b"<!DOCTYPE html>" + HTML, "text/xml", "mais c'est une page web"),
    "program announced text": (b"MZ\x90\0" + bytes(60), "text/plain", "octets nuls"),
    "text with escapes": (b"\x1b]0;titre\x07", "text/plain", "lisible"),
    "rtf with an object": (rb"{\rtf1{\object\objemb{\*\objdata 0105}}}", "text/rtf", "objet incorporé"),
    "rtf with a remote template": (rb"{\rtf1{\*\template http://127.0.0.1:9/}}", "text/rtf", "objet incorporé"),
    "rtf that asks for a program": (
        rb'{\rtf1{\field{\*\fldinst {\b DDEAUTO} cmd "/k"}{\fldrslt x}}}',
        "text/rtf",
        "objet incorporé",
    ),
    "rtf with a remote picture": (
        rb'{\rtf1{\field{\*\fldinst INCLUDEPICTURE "http://127.0.0.1:9/a.png"}}}',
        "text/rtf",
        "objet incorporé",
    ),
    "half an rtf": (RTF[:-1], "text/rtf", "abîmé"),
    "dicom with a script ahead": (
        dicom(preamble=b"#!/bin/sh\n".ljust(128, b"\0")),
        "application/dicom",
        "cache un autre fichier",
    ),
    "dicom with markup ahead": (
        dicom(preamble=b"\n<script>".ljust(128, b"\0")),
        "application/dicom",
        "cache un autre fichier",
    ),
    "dicom 40 sequences deep": (dicom(depth=40), "application/dicom", "imbriqué"),
    "dicom cut in its pixels": (dicom(pixels=b"\0" * 16)[:-8], "application/dicom", "abîmé"),
    "svg": (b"<svg/>", "image/svg+xml", "pas admis"),
    "empty": (b"", "application/pdf", "vide"),
    "xml of something else": (b"<?xml version='1.0'?><Bundle xmlns='http://hl7.org/fhir'/>", "text/xml", "CDA R2"),
    "level 1 of a pdf that runs": (level1(pdf(in_an_array_apart), "application/pdf"), "text/xml", "contenu actif"),
    "level 1 of a png announced jpeg": (level1(image("PNG"), "image/jpeg"), "text/xml", "en réalité"),
    "level 1 of html announced text": (level1(HTML, "text/plain"), "text/xml", "texte simple"),
    "level 1 of a spreadsheet": (level1(b"a", "application/vnd.ms-excel"), "text/xml", "format admis"),
    "level 1 of damaged base64": (
        cda('<nonXMLBody><text mediaType="application/pdf" representation="B64">JVBE*RA=</text></nonXMLBody>'),
        "text/xml",
        "base64 est abîmé",
    ),
    "level 3 with a pdf that runs": (
        with_media(pdf(in_an_array_apart), "application/pdf"),
        "text/xml",
        "contenu actif",
    ),
    "level 3 with a program": (with_media(b"MZ" + bytes(99), "image/jpeg"), "text/xml", "programme"),
}


@pytest.mark.parametrize(("data", "declared", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(data, declared, why):
    with pytest.raises(Inadmissible, match=why) as refusal:
        content.inspect(data, declared)
    assert refusal.value.message.endswith(".")


HEADER = {
    "no INS": ('<id root="1.2.250.1.213.1.4.10" extension="279035121518989"/>', "", "patientRole.id"),
    "an empty INS": ('extension="279035121518989"', 'extension=""', "patientRole.id"),
    "no identifier": ('<id root="1.2.250.1.213.1.1.9.1"/>', "", "ClinicalDocument.id"),
    "an identifier that is none": ('root="1.2.250.1.213.1.1.9.1"', 'root="bonjour"', "ClinicalDocument.id"),
    "no type": ('code="11488-4"', 'nullFlavor="NI"', "ClinicalDocument.code"),
    "no title": ("<title>Compte rendu</title>", "<title> </title>", "ClinicalDocument.title"),
    "no date": ("20260228101500+0100", "", "ClinicalDocument.effectiveTime"),
    "the 29th of February 2026": ("20260228", "20260229", "ClinicalDocument.effectiveTime"),
    "no body": (f"<component>{NARRATIVE}</component>", "", "ClinicalDocument.component"),
    "a DTD": ("\n<Clin", "<!DOCTYPE ClinicalDocument><Clin", "/"),
    "300 elements in each other": ("Bonjour", "<content>" * 300 + "</content>" * 300, "/"),
}
for href in (
    "http://127.0.0.1:9/e.xsl",
    "//hote/e.xsl",
    "/e.xsl",
    "#e",
    "http&#58;//hote/e.xsl",
    "\\\\hote\\e.xsl",
    "e.xml",
    "",
    'a.xsl" href="b.xsl',
):
    pi = f'<?xml-stylesheet type="text/xsl" href="{href}"?><Clin'
    HEADER[f"the sheet {href}"] = ("\n<Clin", pi, "/processing-instruction()")


@pytest.mark.parametrize(("old", "new", "place"), HEADER.values(), ids=HEADER.keys())
def test_a_cda_is_refused_that_has(old, new, place):
    with pytest.raises(Inadmissible) as refusal:
        content.inspect(cda(changed=[(old, new)]), "text/xml")
    assert refusal.value.code == "InvalidDocumentContent"
    assert refusal.value.expression.endswith(place)
    assert "279035121518989" not in refusal.value.message


@pytest.mark.parametrize(
    ("data", "flags"),
    [
        (cda(), []),
        (cda(changed=[("279035121518989", "279035121518988")]), ["ins-key"]),
        (with_media(image("PNG"), "image/png"), []),
        (with_media(image("PNG"), "image/jpeg"), ["media-type"]),
        (with_media(image("JPEG", (800, 600))[:2000], "image/jpeg"), ["media-broken"]),
    ],
)
def test_what_official_samples_have_wrong_is_flagged_not_refused(data, flags):
    assert content.inspect(data, "text/xml").cda["flags"] == flags


def test_the_patient_and_the_level_are_read():
    found = content.inspect(level1(pdf(), "application/pdf"), "text/xml")
    assert (found.level, found.cda["body_media_type"]) == ("N1", "application/pdf")
    patient = found.cda["patient"]
    assert (patient["ins"], patient["birth_family"], patient["given_first"]) == (
        "279035121518989",
        "ESSAI",
        "Rosalie",
    )
    assert content.inspect(cda(), "text/xml").level == "N3"


def test_what_a_level_1_encloses_is_what_was_examined():
    """Not what a comment pretends: a search for the tag would find it first."""
    inside = pdf()
    written = level1(inside, "application/pdf").replace(
        b"<component>", b"<!--<nonXMLBody><text>QUJD</text></nonXMLBody>--><component>"
    )
    assert content.enclosed(written) == ("application/pdf", inside)
    assert content.enclosed(cda()) is None
    assert content.enclosed(b"<a/>") is None


def test_too_large_is_refused_before_it_is_opened(settings):
    settings.MAX_DEPOSIT = 1024 * 1024
    with pytest.raises(Inadmissible, match="dépasse 1 Mo") as refusal:
        content.inspect(bytes(1024 * 1024 + 1), "application/pdf")
    assert refusal.value.code == "TooLarge"


def test_the_test_string_of_antivirus_is_malware_without_any():
    test_string = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*"
    for data, declared in (
        (test_string.encode(), "text/plain"),
        (level1(test_string.encode(), "text/plain"), "text/xml"),
    ):
        with pytest.raises(Inadmissible) as refusal:
            content.inspect(data, declared)
        assert refusal.value.code == "Malware"


def test_claims_must_be_those_of_the_content():
    inspection = content.inspect(b"Bonjour", "text/plain")
    content.verify_claims(inspection, 7, "8w7L9bHLhcYx/ewLOWeFUJc8/Lw=")  # openssl sha1 -binary | base64
    content.verify_claims(inspection, None, None)
    for size, sha1 in ((8, None), (7, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), (None, "pas du base64"), (None, "é")):
        with pytest.raises(Inadmissible) as refusal:
            content.verify_claims(inspection, size, sha1)
        assert refusal.value.code == "XDSNonIdenticalHash"


def test_the_format_code_is_that_of_the_template_or_of_the_body():
    template = [("<id root", '<templateId root="1.2.250.1.213.1.1.1.13"/><id root')]
    assert content.format_of(content.inspect(cda(changed=template), "text/xml")) == "urn:asip:ci-sis:vsm:2012"
    one = content.inspect(level1(pdf(), "application/pdf"), "text/xml")
    assert content.format_of(one) == "urn:ihe:iti:xds-sd:pdf:2008"
