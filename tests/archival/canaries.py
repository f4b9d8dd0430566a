"""Run inside an instance (`manage.py shell -c`): a closed dossier, eleven years old, a canary wherever text fits.

Prints, in JSON, the canaries that stand in clear somewhere; those that are only in sealed contents are told apart.
"""

import datetime as dt
import json
import time
import uuid

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error, connection, models, transaction
from django.utils import timezone

from access.facts import Act
from access.gate import Caller, enter
from access.models import (
    Block,
    CareTeam,
    ConsentRequest,
    EmergencyAccess,
    Invitation,
    Representation,
    User,
)
from archival import copies, holds
from archival.copies_models import Copy
from audit import trail
from audit.trail import SYSTEM, Actor, ActorKind, Event
from documents import own
from documents.care_lines import CareLine
from documents.models import Document, Result
from patients import dossiers, letters, notices, requests
from patients.dossiers import Agreement
from patients.models import Channel, Dossier, IdentityIndex, InsuredPerson, Notice, OpeningRequest
from patients.models_requests import Kind

count = 0


def mark(longest=60):
    """Unlike anything else, with a letter that encodings write differently."""
    global count
    count += 1
    return f"k{count:03d}-Ézébulon-quetsche"[:longest]


person = InsuredPerson.objects.exclude(pk__in=IdentityIndex.objects.values("lookup")).order_by("pk").first()
dossier = dossiers.open_for(person, agreement=Agreement("holder", mark(), Channel.WEB), by=SYSTEM)
user = User.objects.create_user("zebulon.quetsche@example.org", None, first_name=mark(), last_name=mark())
Representation.objects.create(dossier=dossier, user=user, role="holder", evidence=mark(), recorded_by="test")
caller = Caller(user, user.actor(ActorKind.HOLDER, means="test"))
sealed = [mark(), mark()]
for text in sealed:
    own.deposit(
        caller, dossier.pk, content=text.encode(), media_type="text/plain", title=mark(), type_code="EXPPAT_2",
        sending=uuid.uuid4(),
    )  # fmt: skip
document = Document.objects.filter(dossier=dossier).first()
soon = timezone.now() + dt.timedelta(days=30)
other = User.objects.filter(kind="professional").first()
Result.objects.create(dossier=dossier, document=document, display=mark(), value=mark(), rank=1)
CareLine.objects.create(
    dossier=dossier, source="691", line="1", version=1, care_date=dt.date(2026, 1, 2), amount=1, reimbursed=1,
    paid_date=dt.date(2026, 1, 9), kind="autre", provider=mark(),
)  # fmt: skip
Block.objects.create(dossier=dossier, user=other, blocked_by=mark())
EmergencyAccess.objects.create(
    dossier=dossier, user=other, kind="break_glass", reason=mark(), attestation=mark(), until=soon
)
ConsentRequest.objects.create(dossier=dossier, user=other, structure_name=mark(), reason=mark(), expires_at=soon)
Invitation.objects.create(
    dossier=dossier, role="carer", email="quetsche@example.org", digest=b"x", invited_by=mark(), expires_at=soon
)
CareTeam.objects.create(dossier=dossier, name=mark(), until=soon, source=mark(40), consented_by=mark())
asked = requests.Asked(
    kind=Kind.CONTEST, channel=Channel.POST, requester=mark(), identity=mark(), said=mark(), address=mark()
)
row = requests.ask(dossier.pk, asked, by=SYSTEM)
requests.take(dossier.pk, row.pk, by=Actor(ActorKind.COUNTER, mark(), mark()))
requests.accept(dossier.pk, row.pk, mark(), by=SYSTEM)
notices.tell(dossier.pk, Notice.Kind.ACCESS)
one, two = (Actor(ActorKind.OPERATOR, name) for name in ("un", "deux"))
hold = holds.put(dossier.pk, reason=mark(), evidence=mark(), by=one)
holds.ask_lift(dossier.pk, hold.pk, reason=mark(), by=one)
holds.lift(dossier.pk, hold.pk, by=two)
copies.ask(dossier.pk, kind=Copy.Kind.DIGITAL, by=caller.actor, channel=Channel.WEB, asker=user)
for _ in range(3):
    trail.record(
        Event.DOCUMENT_READ, by=caller.actor, dossier_id=dossier.pk, object_title=mark(), reason=mark(),
        detail={"said": mark()},
    )  # fmt: skip
with enter(caller, Act.LIST, Event.DOCUMENT_LISTED, dossier_id=dossier.pk) as entry:
    entry.trace(detail={"count": 1, "text": mark()})

store = SessionStore()
store.update({"_auth_user_id": user.pk.hex, "email": user.email, "said": mark()})
store.create()
UserSession.objects.create(user=user, session_key=store.session_key, ip="127.0.0.1", user_agent=mark())
opening = OpeningRequest.objects.create(
    insured=person, email="zebulon.quetsche@example.org", link_digest=b"x", code_digest=b"x", state="letter",
    expires_at=soon,
)  # fmt: skip
letters.folder().mkdir(mode=0o700, exist_ok=True)
for name in (f"acces-{user.pk.hex}-{uuid.uuid4().hex}", str(opening.pk)):
    (letters.folder() / f"{name}.pdf").write_text(mark())
until = time.monotonic() + 60
while not Copy.objects.filter(dossier=dossier, state="ready").exists():  # the instance's own worker makes it
    assert time.monotonic() < until
    time.sleep(0.2)

# Then every other place where a sentence fits, as far as the database lets it be changed.
for model in apps.get_models():
    if not any(field.attname in ("dossier_id",) for field in model._meta.concrete_fields):
        continue
    for field in model._meta.concrete_fields:
        wide = isinstance(field, models.TextField) or (field.max_length or 0) >= 60
        if isinstance(field, (models.CharField, models.TextField)) and wide and not field.choices:
            try:
                with transaction.atomic():
                    model._base_manager.filter(dossier_id=dossier.pk).update(**{field.name: mark()})
            except Error:
                continue
with connection.cursor() as cursor:
    cursor.execute("SET dmp.any_clock = 'on'")  # else the database dates a closing by its own hour
Dossier.objects.filter(pk=dossier.pk).update(
    state="closed", closed_at=timezone.now() - dt.timedelta(days=4100), closure="DEMANDE_TITULAIRE"
)
marks = [f"k{number:03d}-Ézébulon" for number in range(1, count + 1)]
told = {"marks": marks, "sealed": [one[:15] for one in sealed], "dossier": dossier.pk.hex}
print(json.dumps(told | {"number": person.ins.matricule}))  # noqa: T201
