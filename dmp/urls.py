from django.urls import include, path

from dmp import pages

urlpatterns = [
    path("healthz", pages.health, name="health"),
    path("compte/", include("allauth.urls")),
]
