from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ArchivalConfig(AppConfig):
    name = "archival"
    verbose_name = "Archivage"

    def ready(self) -> None:
        from archival import samples

        post_migrate.connect(samples.take_none, sender=self)
