from django.urls import path

from access import api, api_alerts, api_closing, api_consent, api_emergency, api_team

urlpatterns = [
    path("dossiers", api.DossiersView.as_view()),
    path("dossiers/<str:dossier>/autorisation", api.PermissionView.as_view()),
    path("dossiers/<str:dossier>/medecin-traitant", api.TreatingView.as_view()),
    path("dossiers/<str:dossier>/demandes", api_consent.RequestsView.as_view()),
    path("dossiers/<str:dossier>/demandes/<str:demande>", api_consent.RequestView.as_view()),
    path("dossiers/<str:dossier>/demandes/<str:demande>/code", api_consent.CodeView.as_view()),
    path("dossiers/<str:dossier>/demandes/<str:demande>/pin", api_consent.PinView.as_view()),
    path("dossiers/<str:dossier>/equipe/membres", api_team.MembersView.as_view()),
    path("dossiers/<str:dossier>/fermeture", api_closing.ClosingView.as_view()),
    path("alertes", api_alerts.AlertsView.as_view()),
    path("dossiers/<str:dossier>/urgences", api_emergency.EmergenciesView.as_view()),
    path("dossiers/<str:dossier>/urgences/<str:acces>/attestation", api_emergency.AttestationView.as_view()),
    path("urgences/numero", api_emergency.NumberView.as_view()),
    path("alertes/urgences", api_emergency.AlertsView.as_view()),
]
