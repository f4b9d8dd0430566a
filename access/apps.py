from django.apps import AppConfig


class AccessConfig(AppConfig):
    name = "access"
    verbose_name = "Accès"

    def ready(self) -> None:
        from access import persons
        from patients import notices

        notices.representatives = persons.addresses
        from access import schema  # noqa: F401  (registers how the interface is signed in to)
