from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from access import schema, views_sessions
from archival import views_certificates
from dmp import pages
from documents import urls_fhir, urls_requests, views, views_contest, views_preview, views_statistics

handler404 = "dmp.pages.absent"
handler500 = "dmp.pages.failure"
urlpatterns = [
    path("fhir", urls_fhir.root),  # first: professionals' software asks most
    path("fhir/", include(urls_fhir)),
    path("healthz", pages.health, name="health"),
    path("metrics", pages.metrics, name="metrics"),
    path("", views.home, name="home"),
    path("autorisations/<uuid:professional_id>/ce-qu-il-voit/", views_preview.preview, name="professional_preview"),
    path("", include("access.urls")),
    path("profil/demandes/", include(urls_requests)),
    path("profil/copies/", include("archival.urls")),
    path("profil/dossier/", include("archival.urls_lifecycle")),
    path("documents/", include("documents.urls")),
    path("activite/", views.show_activity, name="activity"),
    path("activite/<uuid:trace_id>/contester/", views_contest.contest, name="activity_contest"),
    path("statistiques/", views_statistics.page, name="statistics"),
    path("statistiques.csv", views_statistics.data, {"form": "csv"}, name="statistics_csv"),
    path("statistiques.json", views_statistics.data, {"form": "json"}, name="statistics_json"),
    path("certificats/", views_certificates.page, name="certificates"),
    path("accessibilite/", pages.public, {"template": "public/accessibility.html"}, name="accessibility"),
    path("aide/", pages.public, {"template": "public/help.html"}, name="help"),
    path("mentions-legales/", pages.public, {"template": "public/legal.html"}, name="legal"),
    # One place for an address: the profile. allauth's page would add others, each able to remake the password.
    path("compte/email/", RedirectView.as_view(pattern_name="profile")),
    path("compte/sessions/", views_sessions.sessions, name="sessions"),  # in our words, instead of allauth's
    # A dossier is opened; no account is made by itself.
    path("compte/signup/", login_not_required(RedirectView.as_view(pattern_name="opening"))),
    path("compte/", include("allauth.urls")),
    path("api/v1/", include("access.urls_api")),
    path("api/v1/", include("documents.urls_api")),
    path("api/schema", schema.schema, name="api-schema"),
    path("api/docs", schema.page, name="api-docs"),
]
