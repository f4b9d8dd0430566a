"""gunicorn of both web processes. Address, workers and threads come from the command line."""

worker_class = "gthread"
timeout = 60  # seconds: a deposit of the largest size on a slow line
graceful_timeout = 10
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
control_socket_disable = True  # it would stand in the home of the service's user
accesslog = None  # the trail says who did what; an access log would repeat paths and addresses


def post_worker_init(worker: object) -> None:
    """The parsers' child is started before the first document asks for it."""
    import os
    import threading

    if os.environ.get("DMP_ROLE") == "portal":
        from documents import sandbox

        threading.Thread(target=sandbox.warm, daemon=True).start()
