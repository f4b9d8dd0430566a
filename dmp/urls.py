from django.urls import include, path

from dmp import pages

urlpatterns = [
    path("healthz", pages.health, name="health"),
    path("compte/", include("allauth.urls")),
    path("", include("documents.urls_fhir")),
    path("api/v1/", include("access.urls_api")),
]
