from django.urls import path

from archival import views_lifecycle

urlpatterns = [
    path("fermeture/", views_lifecycle.close, name="profile_close"),
    path("reactivation/", views_lifecycle.reopen, name="profile_reopen"),
    path("suppression/", views_lifecycle.destroy, name="profile_destroy"),
]
