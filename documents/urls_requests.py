from django.urls import path

from documents import views_requests as views

urlpatterns = [
    path("", views.show_all, name="profile_requests"),
    path("nouvelle/<slug:slug>/", views.new, name="profile_request_new"),
    path("nouvelle/<slug:slug>/<uuid:document_id>/", views.about, name="profile_request_about"),
    path("<uuid:request_id>/", views.show, name="profile_request"),
    path("<uuid:request_id>/annuler/", views.cancel, name="profile_request_cancel"),
    path("<uuid:request_id>/courrier/<uuid:paper_id>/", views.paper, name="profile_request_paper"),
    path("<uuid:request_id>/lettre/<slug:name>/", views.letter, name="profile_request_letter"),
]
