from django.urls import path

from archival import views_copies

urlpatterns = [
    path("", views_copies.show_all, name="profile_copies"),
    path("<uuid:copy_id>/", views_copies.show, name="profile_copy"),
    path("<uuid:copy_id>/recuperer/", views_copies.fetch, name="profile_copy_fetch"),
    path("<uuid:copy_id>/detruire/", views_copies.destroy, name="profile_copy_destroy"),
]
