from django.urls import path

from access import api, api_emergency

urlpatterns = [
    path("dossiers", api.DossiersView.as_view()),
    path("dossiers/<str:dossier>/autorisation", api.PermissionView.as_view()),
    path("dossiers/<str:dossier>/medecin-traitant", api.TreatingView.as_view()),
    path("dossiers/<str:dossier>/urgences", api_emergency.EmergenciesView.as_view()),
    path("dossiers/<str:dossier>/urgences/<str:acces>/attestation", api_emergency.AttestationView.as_view()),
    path("urgences/numero", api_emergency.NumberView.as_view()),
    path("alertes/urgences", api_emergency.AlertsView.as_view()),
]
