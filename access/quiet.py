"""Sessions that a page's own watch does not keep alive."""

from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse


class QuietSessionMiddleware(SessionMiddleware):
    """An open page that watches for a question is no activity: quarter of an hour alone still ends the session."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if getattr(request, "is_watch", False):
            return response
        return super().process_response(request, response)
