from django.urls import path

from access import views

urlpatterns = [
    path("dossiers/", views.dossiers, name="dossiers"),
    path("profil/", views.show_profile, name="profile"),
    path("profil/coordonnees/", views.contacts, name="profile_contacts"),
    path("profil/urgences/", views.emergency, name="profile_emergency"),
    path("autorisations/", views.autorisations, name="autorisations"),
    path("autorisations/chercher/", views.search_professional, name="search_professional"),
    path("autorisations/<uuid:professional_id>/", views.professional, name="professional"),
    path("autorisations/<uuid:professional_id>/autoriser/", views.authorise, name="authorise"),
    path("autorisations/<uuid:professional_id>/<slug:decision>/", views.decide, name="decide"),
]
