from celery import shared_task
from django.utils import timezone

from audit import partitions


@shared_task
def make_partitions() -> None:
    partitions.make_ahead(timezone.localdate())
