"""Somebody between the portal and the provider, who may change what the provider answers.

The issuer's address is this one's: an honest answer passes as it is; `lies[path]` takes the status, the headers
and the body and gives others. What the portal asks is kept in `asked`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import requests

Answer = tuple[int, dict[str, str], bytes]
KEPT = ("content-type", "location", "set-cookie", "cache-control")


@dataclass
class Forger:
    """`port` is where it listens; `behind` is the port of the real provider."""

    behind: int
    lies: dict[str, Callable[[int, dict[str, str], bytes], Answer]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def honest(self) -> None:
        self.lies.clear()
        self.asked.clear()

    def forms_at(self, path: str) -> list[dict[str, list[str]]]:
        return [form for where, form in self.asked if where == path]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        forger = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_GET(self) -> None:
                forger._pass_on(self)

            do_POST = do_GET

            def log_message(self, *words: object) -> None: ...

        return Handler

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path = urlsplit(handler.path).path
        self.asked.append((path, parse_qs(body.decode())))
        headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
        with requests.Session() as session:
            session.trust_env = False
            real = session.request(
                handler.command,
                f"http://127.0.0.1:{self.behind}{handler.path}",
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=10,
            )
        kept = [(name, value) for name, value in real.raw.headers.items() if name.lower() in KEPT]
        status, content = real.status_code, real.content
        if lie := self.lies.get(path):
            status, changed, content = lie(status, dict(kept), content)
            kept = list(changed.items())
        handler.send_response(status)
        for name, value in kept:
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
