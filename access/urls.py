from django.urls import path

from access import online, sign_in, views, views_emergency, views_psc

urlpatterns = [
    path("ouvrir/", online.ask, name="opening"),
    path("ouvrir/code/", online.code, name="opening_code"),
    path("ouvrir/lien/<uuid:request_id>/<str:secret>/", online.link, name="opening_link"),
    path("ouvrir/courrier/", online.letter, name="opening_letter"),
    path("ouvrir/courrier/envoye/", online.posted, name="opening_posted"),
    path("ouvrir/accord/", online.agree, name="opening_agree"),
    path("compte/guichet/", sign_in.counter_code, name="account_counter_code"),
    path("dossiers/", views.dossiers, name="dossiers"),
    path("profil/", views.show_profile, name="profile"),
    path("profil/coordonnees/", views.contacts, name="profile_contacts"),
    path("profil/urgences/", views_emergency.show, name="profile_emergency"),
    path("profil/urgences/carte/", views_emergency.card, name="emergency_card"),
    path("profil/urgences/carte/pdf/", views_emergency.card_pdf, name="emergency_card_pdf"),
    path("profil/urgences/carte/retirer/", views_emergency.withdraw_card, name="emergency_card_withdraw"),
    path("autorisations/", views.autorisations, name="autorisations"),
    path("autorisations/chercher/", views.search_professional, name="search_professional"),
    path("autorisations/<uuid:professional_id>/", views.professional, name="professional"),
    path("autorisations/<uuid:professional_id>/autoriser/", views.authorise, name="authorise"),
    path("autorisations/<uuid:professional_id>/<slug:decision>/", views.decide, name="decide"),
    path("pro/", views_psc.home, name="psc_home"),
    path("pro/connexion/", views_psc.sign_in, name="psc_sign_in"),
    path("pro/retour/", views_psc.callback, name="psc_callback"),
    path("pro/situation/", views_psc.situation, name="psc_situation"),
    path("pro/sortie/", views_psc.sign_out, name="psc_sign_out"),
    path("pro/fin-de-session/", views_psc.back_channel, name="psc_back_channel"),
]
