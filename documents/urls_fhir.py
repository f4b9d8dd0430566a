"""/fhir: the base with and without its final slash (fhirpy posts to /fhir/)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from documents import api_change, api_read, api_search, api_write

View = Callable[..., HttpResponseBase]
READING = {"http_method_names": ["get", "head", "options"]}
FORM = {"http_method_names": ["post", "options"]}  # _search


def by_method(otherwise: View, **views: View) -> View:
    """One address, one view a method: searching, depositing and changing share no code."""

    @csrf_exempt
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return views.get(request.method or "", otherwise)(request, *args, **kwargs)

    view.login_required = False  # type: ignore[attr-defined]  # each asks for a token, not for a session
    return view


documents = by_method(
    api_search.DocumentSearch.as_view(**READING),
    POST=api_write.Publication.as_view(),
    PATCH=api_change.ConditionalChange.as_view(),
)
document = by_method(api_search.DocumentRead.as_view(), PATCH=api_change.Change.as_view())

root = api_write.Root.as_view()
urlpatterns = [
    path("", root),
    path("metadata", api_read.Metadata.as_view()),
    path("Patient", api_read.PatientSearch.as_view(**READING)),
    path("Patient/_search", api_read.PatientSearch.as_view(**FORM)),
    path("Patient/<str:identifier>", api_read.PatientRead.as_view()),
    path("DocumentReference", documents),
    path("DocumentReference/_search", api_search.DocumentSearch.as_view(**FORM)),
    path("DocumentReference/<str:identifier>", document),
    path("List", api_search.ListSearch.as_view(**READING)),
    path("List/_search", api_search.ListSearch.as_view(**FORM)),
    path("List/<str:identifier>", api_search.ListRead.as_view()),
    path("Binary/<str:identifier>", api_read.BinaryRead.as_view()),
]
