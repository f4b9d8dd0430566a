"""The demonstration of ten years: its story is true, its clock moves nowhere else."""

import datetime as dt
import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from archival import demo_clock, destruction
from archival.models import Certificate
from patients.models import Dossier
from tests import factories as make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_the_story_ends_with_nothing_left_and_touches_no_other_dossier(code_tables):
    make.InsuredFactory()
    other = make.DossierFactory(closed=True)
    out = io.StringIO()
    call_command("demo_ten_years", stdout=out)
    told = out.getvalue().splitlines()
    today = timezone.localdate()
    assert [line[6:10] for line in told[:3]] == [str(today.year)] * 3
    assert "refusé" in told[3] and "rien n'est détruit" in told[4] and "rien n'est détruit" in told[5]
    assert told[4][6:16] == f"{today.year + 10} 23:59" or (today.month, today.day) == (2, 29)
    assert told[6].endswith(f"Certificat {Certificate.objects.get().reference}.")
    assert "aucune ligne" in told[7]
    assert list(Dossier.objects.values_list("pk", "state")) == [(other.pk, "closed")]
    assert abs(timezone.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)


def test_outside_a_demonstration_no_clock_moves(settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="démonstration"):
        call_command("demo_ten_years")
    with pytest.raises(RuntimeError), demo_clock.moved_to(timezone.now()):
        pass


def test_a_moved_clock_is_avowed_or_refused(settings):
    later = timezone.now() + dt.timedelta(minutes=6)
    with demo_clock.moved_to(later):
        destruction.refuse_clocks_apart()
        settings.DEMO = False
        with pytest.raises(destruction.ClocksApart):
            destruction.refuse_clocks_apart()
        settings.DEMO = True
    with demo_clock.moved_to(later, avow=False), pytest.raises(destruction.ClocksApart):
        destruction.refuse_clocks_apart()
    with demo_clock.moved_to(later - dt.timedelta(minutes=2), avow=False):
        destruction.refuse_clocks_apart()
