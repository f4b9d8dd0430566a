"""How often somebody did something lately, as the trail says: a limit that holds without Redis, across processes."""

import datetime as dt

from django.utils import timezone

from audit.models import Trace
from audit.request import origin
from audit.trail import Actor, ActorKind, Event


def recent(event: Event, by: Actor, within: dt.timedelta) -> int:
    """Acts of this actor in the time just past; of this network address when nobody is identified."""
    traces = Trace.objects.filter(actor_id=by.id, event=event.value, at__gt=timezone.now() - within)
    if by.kind == ActorKind.ANONYMOUS:
        traces = traces.filter(ip=origin().ip)
    return traces.count()
