from django.apps import AppConfig


class DmpConfig(AppConfig):
    name = "dmp"

    def ready(self) -> None:
        from dmp import checks  # noqa: F401  (registers the system checks)
