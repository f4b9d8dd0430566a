"""The back office: the counter first, then Django's admin. Everybody signs in with two factors."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from access import (
    counter,
    counter_access,
    counter_contact,
    counter_envelopes,
    counter_history,
    counter_identity,
    counter_number,
    counter_online,
    counter_papers,
    counter_representatives,
    counter_requests,
    sign_in,
    staff,
    views_sessions,
)
from access.counter import page as page_of_staff
from dmp import pages

admin.site.has_permission = staff.may_enter  # type: ignore[method-assign]
admin.site.login = staff.sign_in  # type: ignore[assignment,method-assign]
admin.site.index_title = "Guichet"

handler500 = "dmp.pages.failure"
urlpatterns = [
    path("healthz", pages.health, name="health"),
    path("compte/guichet/", sign_in.counter_code, name="account_counter_code"),
    path("compte/email/", RedirectView.as_view(pattern_name="counter_find")),  # see dmp/urls.py
    path("compte/sessions/", views_sessions.sessions, name="sessions"),
    path("compte/signup/", login_not_required(RedirectView.as_view(pattern_name="counter_find"))),
    path("compte/", include("allauth.urls")),
    path("accessibilite/", pages.public, {"template": "public/accessibility.html"}, name="accessibility"),
    path("aide/", pages.public, {"template": "public/help.html"}, name="help"),
    path("mentions-legales/", pages.public, {"template": "public/legal.html"}, name="legal"),
    path("accueil/", RedirectView.as_view(pattern_name="counter_find"), name="home"),
    path("guichet/", counter.find, name="counter_find"),
    path("guichet/carte/", counter_identity.card, name="counter_card"),
    path("guichet/arrivant/", counter_identity.newcomer, name="counter_newcomer"),
    path("guichet/numero/", counter_number.attach, name="counter_number"),
    path("guichet/verifier/", counter_online.verify, name="counter_verify"),
    path("guichet/lettre/", counter_papers.print_letter, name="counter_letter"),
    path("guichet/personne/", counter.sheet, name="counter_sheet"),
    path("guichet/historique/", counter_history.history, name="counter_history"),
    path("guichet/ouvrir/", counter.open_dossier, name="counter_open"),
    path("guichet/coordonnees/", counter_contact.contact, name="counter_contact"),
    path("guichet/representants/", counter_representatives.representatives, name="counter_representatives"),
    path("guichet/demandes/", counter_requests.queue, name="counter_requests"),
    path("guichet/demandes/nouvelle/", counter_requests.record, name="counter_request_new"),
    path("guichet/demandes/<str:identifier>/", counter_requests.show_one, name="counter_request"),
    path("guichet/demandes/<str:identifier>/pli/", counter_envelopes.envelope, name="counter_envelope"),
    path("guichet/demandes/<str:identifier>/<slug:name>/", counter_requests.letter, name="counter_request_letter"),
    path("guichet/acces/", counter_access.give_back, name="counter_access"),
    path("exploitation/sante/", page_of_staff(pages.well), name="well"),
    path("admin/", admin.site.urls),
    path("", RedirectView.as_view(pattern_name="counter_find")),
]
