"""Systems and codes of PDSm, and the aliases that software in the field still sends."""

INS = {
    "urn:oid:1.2.250.1.213.1.4.8": "1.2.250.1.213.1.4.8",  # NIR
    "urn:oid:1.2.250.1.213.1.4.9": "1.2.250.1.213.1.4.9",  # NIA
    "urn:oid:1.2.250.1.213.1.4.10": "1.2.250.1.213.1.4.10",  # NIR, test
    "urn:oid:1.2.250.1.213.1.4.11": "1.2.250.1.213.1.4.11",  # NIR, demonstration
}
PS_IDNAT = "urn:oid:1.2.250.1.71.4.2.1"
STRUCT_IDNAT = "urn:oid:1.2.250.1.71.4.2.2"
RPPS = "https://rpps.esante.gouv.fr"
FINESS = "https://finess.esante.gouv.fr"
URI = "urn:ietf:rfc:3986"

LOINC = "http://loinc.org"
_LOINC_BEFORE = "https://mos.esante.gouv.fr/NOS/TRE_A04-Loinc/FHIR/TRE-A04-Loinc"
TYPES = "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
CLASSES = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
FORMATS = "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
FACILITIES = "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
SETTINGS = "https://mos.esante.gouv.fr/NOS/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"

MASKED, WITHHELD, SECRET = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
LABELS = {MASKED, WITHHELD, SECRET}
LEVELS = {"N", "R", "V"}

MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/"
DESIGNATION = f"{MHD}ihe-designationType"
SOURCE_ID = f"{MHD}ihe-sourceId"
ARCHIVED = f"{PDSM}pdsm-ext-is-archived"
CLOSED_AT = "https://interop.esante.gouv.fr/ig/fhir/pdsm4dmp/StructureDefinition/dmp-fermeture"
# Left open by PDSM4DMP (« hors périmètre ») : ours, until the guide settles them.
STATE = "urn:dmp:extension:etat-dossier"
AUTHORISATION = "urn:dmp:extension:autorisation"
TREATING = "urn:dmp:extension:medecin-traitant"

OIDS = {
    LOINC: "2.16.840.1.113883.6.1",
    TYPES: "1.2.250.1.213.1.1.4.12",
    CLASSES: "1.2.250.1.213.1.1.4.1",
}


def normal(system: str) -> str:
    """One name for each system."""
    if system in (_LOINC_BEFORE, "urn:oid:2.16.840.1.113883.6.1"):
        return LOINC
    return TYPES if system == "urn:oid:1.2.250.1.213.1.1.4.12" else system
