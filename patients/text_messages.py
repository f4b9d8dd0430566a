"""A short message to a telephone, by whatever gateway a site has (`DMP_TEXT_MESSAGES`). Never health content."""

from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from audit.scoped import uuid7


class Gateway(Protocol):
    def send(self, phone: str, text: str) -> None:
        """Raises OSError: the agent tries again."""
        ...


def gateway() -> Gateway | None:
    made: Gateway | None = import_string(settings.TEXT_MESSAGES)() if settings.TEXT_MESSAGES else None
    return made


class ToFiles:
    """The demonstration's gateway: messages lie beside its mails."""

    def send(self, phone: str, text: str) -> None:
        folder = Path(getattr(settings, "EMAIL_FILE_PATH", None) or settings.MEDIA_ROOT / "messages")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / f"sms-{uuid7()}.txt").write_text(f"{phone}\n{text}\n")
