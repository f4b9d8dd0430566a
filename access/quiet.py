"""How long a session lasts: SESSION_COOKIE_AGE without a visit, SESSION_LONGEST whatever is done (rules.md 9).

The first is the row's own date of end, put off at each visit; the second counts from the sign-in, which the
session keeps. The server looks at both: a copied cookie ends too.
"""

import time

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

from access.professional_session import INTERFACE

BEGAN = "began"  # seconds since 1970: when this session was first seen signed in


class QuietSessionMiddleware(SessionMiddleware):
    """An open page that watches for a question is no activity: quarter of an hour alone still ends the session."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.path.startswith(INTERFACE):
            return
        session = request.session
        if SESSION_KEY not in session:
            session.pop(BEGAN, None)
        elif time.time() - session.setdefault(BEGAN, time.time()) >= settings.SESSION_LONGEST:
            session.flush()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if getattr(request, "is_watch", False):
            return response
        return super().process_response(request, response)
