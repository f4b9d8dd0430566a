"""How gunicorn serves both web processes: `gunicorn --config dmp/gunicorn.py dmp.wsgi:application`, DMP_ROLE set."""

import os
import threading

_backoffice = os.environ.get("DMP_ROLE") == "backoffice"

bind = [os.environ.get("DMP_BIND", "127.0.0.1:8001" if _backoffice else "127.0.0.1:8000")]
if (_socket := os.environ.get("DMP_CERTIFICATE_SOCKET")) and not _backoffice:
    bind.append(f"unix:{_socket}")  # deploy/nginx.conf; what it says there is believed (audit/request.py)
umask = 0o007  # that socket: our account and its group, into which nginx's is put
header_map = "drop"  # a name with an underscore could pass for another
forwarder_headers = ""  # no proxy rewrites our paths
worker_class = "gthread"
workers = int(os.environ.get("DMP_WEB_PROCESSES", "1" if _backoffice else "2"))
threads = 4
preload_app = True  # the code is read once; connections are opened after the fork
timeout = 60  # seconds without a sign of life from a worker
graceful_timeout = 10  # seconds left to requests under way when stopping
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
limit_request_line = 8190  # FHIR searches by GET are long
worker_tmp_dir = "/dev/shm"  # noqa: S108  (heartbeats: not on a slow disk)
control_socket_disable = True  # its default place is the home of whoever starts it
accesslog = None  # FHIR search URLs carry identifiers; the trail is the record of accesses
errorlog = "-"
logger_class = "dmp.server_log.ServerLogger"  # a logconfig would open the access log too
loglevel = os.environ.get("DMP_LOG_LEVEL", "INFO").lower()


def post_worker_init(worker: object) -> None:
    """The parsers' child is started before the first document asks for it."""
    if not _backoffice:
        from documents import sandbox

        threading.Thread(target=sandbox.warm, daemon=True).start()
