"""The grammar of FHIR R4 as PDSm 3.1.1 (MHD 4.2.3) uses it. Pure: no model, no database, no request."""
