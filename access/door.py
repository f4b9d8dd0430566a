"""What every door for professionals shares: a body of bounded size, and the caller as the gate knows him."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from rest_framework.request import Request
from rest_framework.views import APIView

from access import modes
from access.gate import Caller

SMALL = 64 * 1024  # bytes: no act needs more


class ProfessionalView(APIView):
    """A signed-in professional, whose `request.auth` is the `gate.Caller`; `limit` bytes of body at most."""

    request: Request
    signed_in: Caller | None = None

    @property
    def limit(self) -> int:
        return SMALL

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse a body that is too big before reading it: DRF's parsers read whatever comes. Raises 413."""
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > self.limit:
            raise RequestDataTooBig
        super().initial(request, *args, **kwargs)
        self.signed_in = request.auth if isinstance(request.auth, Caller) else None

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Every answer given in an emergency says so, for the software to show it all along (EX_0.3-1050)."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.signed_in is not None and (mode := modes.header_of(self.signed_in)):
            answer.headers[modes.HEADER] = mode
        return answer

    @property
    def caller(self) -> Caller:
        caller = self.request.auth
        assert isinstance(caller, Caller)
        return caller
