"""Makes the demo documents again: `python -m documents.demo.build`. Persons, results and texts are invented.

What it writes is checked in: a start needs neither this file nor WeasyPrint's fonts to show the same bytes.
"""

import base64
import datetime as dt
import io
import json
from pathlib import Path
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pydicom
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset, FileMetaDataset
from weasyprint import HTML

HERE = Path(__file__).parent
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"  # Debian, fonts-dejavu-core
OID_TEST, IDNAT, STRUCT = "1.2.250.1.213.1.4.10", "1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.2"
ROOT_OID = "1.2.250.1.999.1"  # of the demonstration: no registered owner

ANTOINE = ("197023599000284", "MARCHAND", "Antoine", "M", "19970214", "35238")
JEANNE = ("245128099000470", "AUBERT", "Jeanne", "F", "19451203", "69266")
MARIE = ("284037599000193", "LEFÈVRE", "Marie", "F", "19840312", "75112")
BIOLOGIST = ("881000000059", "RIVIÈRE", "Anne", "G15_10/SM03", "1990000005", "Laboratoire BioRance (démonstration)")
NEUROLOGIST = (
    "881000000026",
    "CARON",
    "Inès",
    "G15_10/SM32",
    "1990000002",
    "Cabinet de neurologie du Parc (démonstration)",
)

# LOINC, words, unit (UCUM), low, high
TESTS = [
    ("718-7", "Hémoglobine [Masse/Volume] Sang", "g/dL", "13.4", "16.7"),
    ("777-3", "Plaquettes [Nombre/Volume] Sang", "10*9/L", "150", "400"),
    ("1988-5", "Protéine C réactive [Masse/Volume] Sérum/Plasma", "mg/L", "", "5"),
    ("2160-0", "Créatinine [Masse/Volume] Sérum/Plasma", "mg/L", "7", "12"),
    ("2345-7", "Glucose [Masse/Volume] Sérum/Plasma", "g/L", "0.74", "1.06"),
    ("4548-4", "Hémoglobine A1c/Hémoglobine totale Sang", "%", "4", "6"),
    ("13457-7", "Cholestérol LDL [Masse/Volume] Sérum/Plasma", "g/L", "", "1.6"),
    ("3016-3", "Thyréostimuline [Arbitraire/Volume] Sérum/Plasma", "m[IU]/L", "0.4", "4"),
    ("2276-4", "Ferritine [Masse/Volume] Sérum/Plasma", "ug/L", "30", "300"),
]
PANELS = {
    "20231114": "15.1 231 1.2 9.1 0.91 5.1 1.21 1.9 112",
    "20240520": "14.9 225 2.0 9.4 0.95 5.2 1.28 2.1 98",
    "20241203": "14.6 240 1.1 9.2 0.97 5.3 1.37 2.4 81",
    "20250612": "14.2 252 8.4 9.0 1.02 5.5 1.49 2.2 60",
    "20251218": "13.6 260 3.1 9.3 1.08 5.8 1.58 2.9 38",
    "20260710": "13.1 268 1.4 9.5 1.14 6.1 1.72 3.3 22",
}


def header(patient, author, *, code, title, when, number, template, setting, facility, act):
    """The header of a CDA R2 document as the CI-SIS asks for it (Structuration minimale)."""
    ins, family, given, sex, birth, place = patient
    idnat, author_family, author_given, speciality, structure, name = author
    organisation = f'<id root="{STRUCT}" extension="{structure}"/><name>{escape(name)}</name>'
    person = f"<name><family>{author_family}</family><given>{author_given}</given></name>"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Document de démonstration : personne et résultats inventés. -->
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<realmCode code="FR"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.2.8.2.1"/><templateId root="1.2.250.1.213.1.1.1.1"/>
<templateId root="{template}"/>
<id root="{ROOT_OID}.{number}"/>
<code code="{code[0]}" codeSystem="2.16.840.1.113883.6.1" displayName="{code[1]}"/>
<title>{escape(title)}</title><effectiveTime value="{when}"/>
<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<setId root="{ROOT_OID}.{number}"/><versionNumber value="1"/>
<recordTarget><patientRole><id root="{OID_TEST}" extension="{ins}"/><patient>
<name><family qualifier="BR">{family}</family><given qualifier="BR">{given}</given></name>
<administrativeGenderCode code="{sex}" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="{birth}"/>
<birthplace><place><addr><county>{place}</county></addr></place></birthplace>
</patient></patientRole></recordTarget>
<author><time value="{when}"/><assignedAuthor><id root="{IDNAT}" extension="{idnat}"/>
<code code="{speciality}" codeSystem="1.2.250.1.213.1.1.4.5"/><assignedPerson>{person}</assignedPerson>
<representedOrganization>{organisation}</representedOrganization></assignedAuthor></author>
<custodian><assignedCustodian><representedCustodianOrganization>{organisation}
</representedCustodianOrganization></assignedCustodian></custodian>
<legalAuthenticator><time value="{when}"/><signatureCode code="S"/><assignedEntity>
<id root="{IDNAT}" extension="{idnat}"/></assignedEntity></legalAuthenticator>
<documentationOf><serviceEvent><code code="{act}" codeSystem="2.16.840.1.113883.6.1"/>
<effectiveTime><low value="{when}"/></effectiveTime><performer typeCode="PRF"><assignedEntity>
<id root="{IDNAT}" extension="{idnat}"/><representedOrganization>
<standardIndustryClassCode code="{setting}" codeSystem="1.2.250.1.213.1.1.4.9"/>
</representedOrganization></assignedEntity></performer></serviceEvent></documentationOf>
<componentOf><encompassingEncounter><effectiveTime><low value="{when}"/></effectiveTime><location>
<healthCareFacility><code code="{facility}" codeSystem="1.2.250.1.71.4.2.4"/></healthCareFacility>
</location></encompassingEncounter></componentOf>
"""


def moment(day, time):
    """An HL7 date and time with the offset of Paris that day: summer is not winter."""
    at = dt.datetime.strptime(day + time, "%Y%m%d%H%M").replace(tzinfo=ZoneInfo("Europe/Paris"))
    return at.strftime("%Y%m%d%H%M%S%z")


def observation(test, value, when, previous):
    code, words, unit, low, high = test
    flag = "L" if low and float(value) < float(low) else "H" if high and float(value) > float(high) else "N"
    bounds = "".join(
        f'<{side} value="{limit}" unit="{unit}"/>' for side, limit in (("low", low), ("high", high)) if limit
    )
    quantity = '<value xsi:type="PQ" value="{}" unit="{}"/>'
    named = f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1" displayName="{escape(words)}"/>'
    prior = ""
    if previous:
        earlier, before = moment(previous[0], "0830"), previous[1]
        prior = (
            f'<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN">{named}'
            f'<effectiveTime value="{earlier}"/>{quantity.format(before, unit)}'
            "</observation></entryRelationship>"
        )
    return (
        '<entryRelationship typeCode="COMP"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="1.3.6.1.4.1.19376.1.3.1.6"/>{named}<statusCode code="completed"/>'
        f'<effectiveTime value="{when}"/>{quantity.format(value, unit)}<interpretationCode code="{flag}"/>'
        f'<referenceRange><observationRange><value xsi:type="IVL_PQ">{bounds}</value></observationRange>'
        "</referenceRange>"
        f"{prior}</observation></entryRelationship>"
    )


def laboratory(number, day, values, previous):
    """A level 3 laboratory report (CR-BIO)."""
    when = moment(day, "1015")
    rows = "".join(
        f"<tr><td>{escape(words)}</td><td>{value} {escape(unit)}</td><td>{low or '…'} – {high or '…'}</td></tr>"
        for (_, words, unit, low, high), value in zip(TESTS, values, strict=True)
    )
    befores = [(previous[0], before) for before in previous[1]] if previous else [None] * len(TESTS)
    entries = "".join(
        observation(test, value, moment(day, "0830"), before)
        for test, value, before in zip(TESTS, values, befores, strict=True)
    )
    top = header(
        ANTOINE,
        BIOLOGIST,
        code=("11502-2", "CR d'examens biologiques"),
        title="Compte rendu d'examens biologiques",
        when=when,
        number=f"1.{number}",
        template="1.2.250.1.213.1.1.1.55",
        setting="AMBULATOIRE",
        facility="SA25",
        act="18719-5",
    )
    return f"""{top}<component><structuredBody><component><section>
<code code="18719-5" codeSystem="2.16.840.1.113883.6.1"/><title>Biochimie et hématologie</title>
<text><table><thead><tr><th>Examen</th><th>Résultat</th><th>Valeurs habituelles</th></tr></thead>
<tbody>{rows}</tbody></table>
<paragraph>Document de démonstration.</paragraph></text>
<entry><act classCode="ACT" moodCode="EVN"><templateId root="1.3.6.1.4.1.19376.1.3.1"/>
<code code="18719-5" codeSystem="2.16.840.1.113883.6.1"/><statusCode code="completed"/>{entries}</act></entry>
</section></component></structuredBody></component></ClinicalDocument>
""".encode()


STYLE = """@page { size: A4; margin: 22mm } body { font-family: 'DejaVu Sans'; font-size: 10.5pt; line-height: 1.5 }
h1 { font-size: 15pt } .by { color: #444 } .demo { color: #7a5200; font-size: 9pt; margin-top: 2em }"""


def pdf(title, by, patient, text):
    body = "".join(f"<p>{escape(line)}</p>" for line in text)
    html = f"""<html lang="fr"><head><title>{escape(title)}</title><style>{STYLE}</style></head><body>
<p class="by">{escape(by)}</p><h1>{escape(title)}</h1><p>Concerne : {patient[2]} {patient[1]}</p>{body}
<p class="demo">Document de démonstration : personne et faits inventés.</p></body></html>"""
    return HTML(string=html).write_pdf(pdf_identifier=b"demo", pdf_variant="pdf/a-2u")


def level1(patient, author, content, *, code, title, day, number):
    top = header(
        patient,
        author,
        code=code,
        title=title,
        when=moment(day, "1430"),
        number=number,
        template="1.2.250.1.213.1.1.1.1",
        setting="AMBULATOIRE",
        facility="SA07",
        act="34133-9",
    )
    data = base64.encodebytes(content).decode()
    body = f'<text mediaType="application/pdf" representation="B64">{data}</text>'
    return f"{top}<component><nonXMLBody>{body}</nonXMLBody></component></ClinicalDocument>\n".encode()


def picture():
    image = Image.new("RGB", (640, 420), "#f4efe6")
    draw = ImageDraw.Draw(image)
    draw.ellipse((220, 110, 420, 310), fill="#c98d76")
    for step in range(11):
        draw.line((60 + 50 * step, 370, 60 + 50 * step, 355 if step % 5 else 340), fill="#333", width=2)
    words = "Image de démonstration, règle en centimètres"
    draw.text((60, 378), words, fill="#333", font=ImageFont.truetype(FONT, 18))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def ultrasound():
    """A small secondary capture (DICOM PS3.3 A.8.1): a grey fan, invented."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.7")
    meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.826.0.1.3680043.10.999.1")
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1.3680043.10.999.2", "1.2.826.0.1.3680043.10.999.3"
    data.PatientName, data.PatientID, data.Modality = "LEFEVRE^Marie", "DEMO-4", "US"
    data.PatientBirthDate, data.PatientSex, data.StudyDate, data.StudyTime = "19840312", "F", "20260902", "093000"
    data.ConversionType = "SYN"  # synthetic: PS3.3 C.8.6.1 wants it of every secondary capture
    data.AccessionNumber = data.ReferringPhysicianName = data.StudyID = ""
    data.SeriesNumber = data.InstanceNumber = 1
    data.Rows = data.Columns = 96
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    pixels = bytes(
        min(255, (x - 48) ** 2 // 12 + y * 2) if abs(x - 48) < y / 2 else 0 for y in range(96) for x in range(96)
    )
    data.PixelData = pixels
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def main():
    manifest = []

    def keep(name, content, patient, author, code, title, day, media_type, **more):
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        manifest.append(
            {
                "file": name,
                "ins": patient[0],
                "author": author,
                "type": code,
                "title": title,
                "media_type": media_type,
            }
            | {"date": f"{day[:4]}-{day[4:6]}-{day[6:]}"}
            | more
        )

    previous = None
    for number, (day, panel) in enumerate(PANELS.items(), 1):
        values = panel.split()
        title = "Compte rendu d'examens biologiques"
        content = laboratory(number, day, values, previous)
        keep(f"antoine/biologie-{day}.xml", content, ANTOINE, "81000000059", "11502-2", title, day, "text/xml")
        previous = (day, values)
    report = pdf(
        "Compte rendu de consultation de neurologie",
        "Dr Inès Caron, neurologue",
        ANTOINE,
        [
            "Migraine chronique, huit jours par mois.",
            "Le topiramate est mal supporté : fourmillements des mains.",
            "Je propose le propranolol, et un contrôle dans trois mois.",
        ],
    )
    title = "Compte rendu de consultation de neurologie"
    content = level1(
        ANTOINE,
        NEUROLOGIST,
        report,
        code=("11488-4", "CR ou fiche de consultation ou de visite"),
        title=title,
        day="20260703",
        number="2.1",
    )
    keep("antoine/neurologie.xml", content, ANTOINE, "81000000026", "11488-4", title, "20260703", "text/xml")
    content = pdf(
        "Ordonnance",
        "Dr Inès Caron, neurologue",
        ANTOINE,
        [
            "Propranolol 40 mg : un comprimé matin et soir, 90 jours.",
            "Sumatriptan 50 mg : un comprimé au début de la crise, deux par jour au plus.",
        ],
    )
    keep(
        "antoine/ordonnance.pdf",
        content,
        ANTOINE,
        "81000000026",
        "57833-6",
        "Ordonnance du 3 juillet 2026",
        "20260703",
        "application/pdf",
    )
    content = pdf(
        "Compte rendu de consultation de psychiatrie",
        "Dr Claire Serre, psychiatre",
        ANTOINE,
        ["Suivi d'un épisode anxieux lié aux douleurs.", "Prochain rendez-vous dans six semaines."],
    )
    keep(
        "antoine/psychiatrie.pdf",
        content,
        ANTOINE,
        "81000000091",
        "11488-4",
        "Compte rendu de consultation de psychiatrie",
        "20260821",
        "application/pdf",
    )
    content = pdf(
        "Lettre de liaison à la sortie",
        "Dr Paul Morel, Clinique des Tilleuls",
        JEANNE,
        [
            "Hospitalisation de trois jours pour une pneumopathie.",
            "Amoxicilline encore cinq jours. Revoir le médecin traitant dans la semaine.",
        ],
    )
    keep(
        "jeanne/lettre-de-sortie.pdf",
        content,
        JEANNE,
        "81000000018",
        "11490-0",
        "Lettre de liaison à la sortie",
        "20260218",
        "application/pdf",
        situation="990000010",
    )
    content = pdf(
        "Compte rendu de scanner de la cheville",
        "Dr Nadia Ferrand, CHU de démonstration",
        MARIE,
        ["Fracture de la malléole externe, sans déplacement.", "Allergie à la pénicilline connue."],
    )
    keep(
        "marie/scanner.pdf",
        content,
        MARIE,
        "81000000034",
        "18748-4",
        "Compte rendu de scanner de la cheville",
        "20260901",
        "application/pdf",
    )
    keep(
        "marie/echographie.dcm",
        ultrasound(),
        MARIE,
        "81000000034",
        "18748-4",
        "Échographie de la cheville",
        "20260902",
        "application/dicom",
    )
    keep(
        "marie/photo.png", picture(), MARIE, "81000000034", "18748-4", "Photo de la cheville", "20260901", "image/png"
    )
    (HERE / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
