from django.urls import path

from access import api

urlpatterns = [
    path("dossiers", api.DossiersView.as_view()),
    path("dossiers/<str:dossier>/autorisation", api.PermissionView.as_view()),
    path("dossiers/<str:dossier>/medecin-traitant", api.TreatingView.as_view()),
]
