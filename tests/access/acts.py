"""How the tests of an act say what they expect of it, at one frozen instant: a refusal and a trace, in full."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def refused(code, words, act, *args, **more):
    with pytest.raises(ValidationError) as error:
        act(*args, **more)
    assert (error.value.code, error.value.message) == (code, words), error.value


def said_by_holder(holder, event, **more):
    """What the trail says of an act of the holder."""
    return {
        "event": event,
        "allowed": True,
        "ground": "holder",
        "mode": "normal",
        "actor_kind": "holder",
        "actor_id": str(holder.pk),
        "actor_name": str(holder),
        "means": "test",
        **more,
    }


def said_by_doctor(doctor, **more):
    """What the trail says of an act of a general practitioner."""
    return {
        "allowed": True,
        "actor_kind": "professional",
        "actor_id": doctor.idnat,
        "actor_name": doctor.name,
        "profession": "10",
        "means": "test",
        **more,
    }
