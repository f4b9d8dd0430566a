"""The outbox: one address that cannot be one keeps nobody else waiting."""

import pytest
from django.core import mail

from patients import notices, tasks
from patients.models import Notice
from tests import factories as make

pytestmark = pytest.mark.django_db


def test_an_impossible_address_stops_no_other_notice(code_tables):
    first, second = make.DossierFactory(), make.DossierFactory()
    for dossier in (first, second):
        notices.tell(dossier.pk, Notice.Kind.ACCESS)
    Notice.objects.filter(dossier=first).update(email="zébulon-quetsche")
    assert tasks.send_notices() == 1
    assert [one.to for one in mail.outbox] == [[second.patient.email]]
    assert Notice.objects.get(dossier=first).attempts == 1
