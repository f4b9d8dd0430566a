"""The real nginx, as its configuration is shipped, before the real gunicorn, on the tests' own database."""

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from psycopg.conninfo import make_conninfo

from tests.access import authority
from tests.access.authority import Authority

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
NAME = "certificats.dmp.example.org"
OWN_DOOR = "/api/v1/dossiers/01a208543d9e7a5c8459435ecdc7c74a/autorisation"


@dataclass
class Site:
    """nginx on a port, gunicorn on a UNIX socket and a port, and the authorities that nginx knows or not."""

    folder: Path
    persons: Authority
    organisations: Authority
    tls: int = 0
    tcp: int = 0

    def ask(
        self, certificate: Path | None, path: str = OWN_DOOR, *lines: str, method: str = "GET", body: bytes = b""
    ) -> tuple[int, str]:
        """By nginx; `lines` are sent as they are."""
        trust = ssl.create_default_context(cafile=self.folder / "root.pem")
        if certificate:
            trust.load_cert_chain(certificate)
        with (
            socket.create_connection(("127.0.0.1", self.tls), timeout=20) as plain,
            trust.wrap_socket(plain, server_hostname=NAME) as link,
        ):
            return _talk(link, path, lines, method, body)

    def straight(self, *lines: str, path: str = OWN_DOOR) -> tuple[int, str]:
        """To gunicorn's port, past nginx."""
        with socket.create_connection(("127.0.0.1", self.tcp), timeout=20) as link:
            return _talk(link, path, lines, "GET", b"")

    def inside(self, *lines: str, path: str = OWN_DOOR) -> tuple[int, str]:
        """To gunicorn's UNIX socket, as nginx alone may."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(20)
            link.connect(str(self.folder / "dmp.sock"))
            return _talk(link, path, lines, "GET", b"")


def _talk(link: socket.socket, path: str, lines: tuple[str, ...], method: str, body: bytes) -> tuple[int, str]:
    head = [f"{method} {path} HTTP/1.1", f"Host: {NAME}", "Connection: close", f"Content-Length: {len(body)}", *lines]
    link.sendall("\r\n".join([*head, "", ""]).encode() + body)
    answer = http.client.HTTPResponse(link)
    answer.begin()
    return answer.status, answer.read().decode()


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def gunicorn(site: Site) -> Any:
    """The portal on the tests' own database, listening on both."""
    (site.folder / "persons.pem").write_bytes(authority.pem(site.persons.certificate))
    (site.folder / "organisations.pem").write_bytes(authority.pem(site.organisations.certificate))
    own = {
        "DMP_ROLE": "portal",
        "DMP_DATABASE_URL": _address("default"),
        "DMP_KEYS_DATABASE_URL": _address("keys"),
        "DMP_BIND": f"127.0.0.1:{site.tcp}",
        "DMP_CERTIFICATE_SOCKET": str(site.folder / "dmp.sock"),
        "DMP_CERTIFICATE_PERSONS": str(site.folder / "persons.pem"),
        "DMP_CERTIFICATE_STRUCTURES": str(site.folder / "organisations.pem"),
        "DMP_ALLOWED_HOSTS": NAME,
        "DMP_MEDIA_ROOT": str(site.folder / "media"),
        "DMP_WEB_PROCESSES": "1",
        "DMP_LOG_LEVEL": "INFO",
    }
    return _Running([sys.executable, "-m", "gunicorn", "--config", "dmp/gunicorn.py", "dmp.wsgi:application"], own)


class _Running:
    """A gunicorn that has started its worker; ended on leaving."""

    def __init__(self, command: list[str], own: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def __enter__(self) -> None:
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            said.append(line)
            if "Booting worker" in line:
                return
        pytest.fail("".join(said))

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=20)


def _address(alias: str) -> str:
    """The test database, as libpq wants it in an address."""
    kept = connections[alias].settings_dict
    wanted = {"dbname": kept["NAME"], "user": kept["USER"], "password": kept["PASSWORD"], "host": kept["HOST"]}
    return make_conninfo(**{key: value for key, value in wanted.items() if value})


def start_nginx(site: Site, server: Path) -> None:
    """The shipped file, its paths and port alone changed."""
    lists = b"".join(one.list_of_revoked() for one in (site.persons, site.organisations, site.persons.parent) if one)
    (site.folder / "revoked.pem").write_bytes(lists)
    both = [authority.pem(one.certificate) for one in (site.persons, site.organisations)]
    (site.folder / "authorities.pem").write_bytes((site.folder / "root.pem").read_bytes() + b"".join(both))
    shown = server.read_bytes() + both[1]
    (site.folder / "server.pem").write_bytes(shown)
    text = (ROOT / "deploy/nginx.conf").read_text()
    for shipped, ours in {
        "/run/dmp/certificates.sock": f"{site.folder}/dmp.sock",
        "listen 443 ssl;": f"listen 127.0.0.1:{site.tls} ssl;",
        "/etc/dmp/tls/server.pem": f"{site.folder}/server.pem",
        "/etc/dmp/tls/server.key": str(server),
        "/etc/dmp/tls/authorities.pem": f"{site.folder}/authorities.pem",
        "/etc/dmp/tls/revoked.pem": f"{site.folder}/revoked.pem",
        "/var/log/nginx/dmp-certificates.log": f"{site.folder}/error.log",
    }.items():
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, ours)
    (site.folder / "site.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {site.folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (site.folder / "nginx.conf").write_text(
        f"{user}pid {site.folder}/nginx.pid;\nerror_log {site.folder}/main.log;\nevents {{}}\n"
        f"http {{\n{places}include {site.folder}/site.conf;\n}}\n"
    )
    nginx(site.folder)  # goes to the background once it listens


def nginx(folder: Path, *more: str) -> None:
    command = [str(NGINX), "-e", str(folder / "main.log"), "-p", str(folder), "-c", str(folder / "nginx.conf"), *more]
    # Its standard streams would stay open in the background.
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20, check=False)
    assert done.returncode == 0, (folder / "main.log").read_text()
