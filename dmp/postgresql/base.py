"""Django's PostgreSQL, whose kept connections are looked at before a request without asking the server."""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def is_usable(self) -> bool:
        """A server that restarted or went away has closed its end, and that can be read from the socket at once.

        `SELECT 1`, which Django would ask here, cost each request as much as one of its queries. It is still asked
        after an error.
        """
        if self.errors_occurred or self.connection is None or self.connection.closed:
            return super().is_usable()
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)  # an idle connection has nothing to say but that it ends
