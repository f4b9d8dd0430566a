from django.urls import path

from documents import api_own

urlpatterns = [path("dossiers/<str:dossier>/depots", api_own.OwnDepositsView.as_view())]
