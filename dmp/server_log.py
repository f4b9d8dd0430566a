"""gunicorn's own error log says no value of the database either: an error out of a request ends there."""

from typing import Any

from gunicorn.glogging import Logger

from dmp.logs import Discreet


class ServerLogger(Logger):
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Discreet(self.error_fmt, self.datefmt))
