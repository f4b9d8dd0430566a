"""/fhir. The transaction is posted at the base, with and without the slash."""

from django.urls import path

from documents import api

documents_form = {"kind": "DocumentReference"}
urlpatterns = [
    path("fhir", api.Root.as_view(), name="fhir-root"),
    path("fhir/", api.Root.as_view(), name="fhir-root-slash"),
    path("fhir/metadata", api.Metadata.as_view(), name="fhir-metadata"),
    path("fhir/Patient", api.PatientSearch.as_view(), name="fhir-patients"),
    path("fhir/Patient/<str:identifier>", api.PatientRead.as_view(), name="fhir-patient"),
    path("fhir/DocumentReference", api.DocumentSearch.as_view(), name="fhir-documents"),
    path("fhir/DocumentReference/_search", api.SearchForm.as_view(), documents_form, name="fhir-documents-search"),
    path("fhir/DocumentReference/<str:identifier>", api.DocumentRead.as_view(), name="fhir-document"),
    path("fhir/List", api.ListSearch.as_view(), name="fhir-lists"),
    path("fhir/List/_search", api.SearchForm.as_view(), {"kind": "List"}, name="fhir-lists-search"),
    path("fhir/List/<str:identifier>", api.ListRead.as_view(), name="fhir-list"),
    path("fhir/Binary/<str:identifier>", api.BinaryRead.as_view(), name="fhir-binary"),
]
