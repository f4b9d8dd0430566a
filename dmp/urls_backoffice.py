from django.contrib import admin
from django.urls import path

from dmp import pages

urlpatterns = [
    path("healthz", pages.health, name="health"),
    path("", admin.site.urls),
]
