"""The main job, over HTTP alone, against a running portal: what a person and two doctors would do.

Uses nothing of the application but its addresses: what it shows, any client can do. Running it again does
the same without a second copy of anything.
"""

import base64
import hashlib
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

from access import demo_people as cast

HERE = Path(__file__).parent
OID = "urn:oid:1.2.250.1.213.1.4.10"
DOMINIQUE = "279035121518989"  # the published test identity of the official samples
FHIR = "application/fhir+json"


class Failed(Exception):
    """A step did not answer what it should."""


class Answer:
    """Status, headers and body of an answer."""

    def __init__(self, status: int, headers: Any, body: bytes, url: str) -> None:
        self.status, self.headers, self.body, self.url = status, headers, body, url

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Keeps cookies, follows redirections, fills the forms of a page."""

    def __init__(self, base: str, **headers: str) -> None:
        self.base, self.headers = base, headers
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        url = path if path.startswith("http") else self.base + path
        request = urllib.request.Request(url, body, self.headers | headers, method=method)  # noqa: S310 (our portal)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read(), answer.url)
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read(), url)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, **headers)

    def fill(self, path: str, **fields: str) -> Answer:
        """Open the page, and post its form with these fields and its hidden ones."""
        page = self.get(path)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        data = urllib.parse.urlencode({name: unescape(value) for name, value in hidden.items()} | fields)
        return self.send("POST", page.url, data.encode(), Referer=page.url)


class Journey:
    """Each step says what it does, what came back, and how long it took."""

    def __init__(
        self,
        base: str,
        token: Callable[[str], str],
        mailed_code: Callable[[str], str | None],
        say: Callable[[str], Any],
    ) -> None:
        self.base, self.token, self.mailed_code, self.say = base, token, mailed_code, say
        self.count = 0

    def step(
        self, words: str, act: Callable[[], Answer], wanted: int, note: Callable[[Answer], str] | None = None
    ) -> Answer:
        started = time.perf_counter()
        answer = act()
        spent = (time.perf_counter() - started) * 1000
        if answer.status != wanted:
            raise Failed(f"{words} : réponse {answer.status} au lieu de {wanted}. {answer.text[:300]}")
        self.count += 1
        told = f", {note(answer)}" if note else ""
        self.say(f"  ✓ {words} → {answer.status}{told} ({spent:.0f} ms)")
        return answer

    def doctor(self, rpps: str, situation: str = "") -> Browser:
        chosen = {"DMP-Situation": situation} if situation else {}
        return Browser(self.base, Authorization=f"Bearer {self.token(rpps)}", Accept=f"{FHIR}, */*", **chosen)

    # -- the main job ----------------------------------------------------------------------------------
    def run(self) -> None:
        patient = f"{OID}|{cast.ANTOINE.number}"
        biologist, neurologist = self.doctor(cast.RIVIERE), self.doctor(cast.CARON)
        treating = self.doctor(cast.MOREL, "990000001")
        psychiatrist = self.doctor(cast.SERRE)
        self.say("Parcours : Antoine Marchand (personne fictive)")
        self.step(
            "La biologiste demande si un dossier existe",
            lambda: biologist.get(f"/fhir/Patient?identifier={urllib.parse.quote(patient)}"),
            200,
            lambda answer: "ouvert" if answer.json()["entry"][0]["resource"]["active"] else "fermé",
        )
        mine = [one for one in manifest() if one["ins"] == cast.ANTOINE.number]
        panels = [one for one in mine if one["author"] == cast.RIVIERE]
        self.step(
            f"Elle dépose {len(panels)} comptes rendus de biologie en un lot (ITI-65)",
            lambda: biologist.send("POST", "/fhir", dumps(bundle(patient, panels)), **{"Content-Type": FHIR}),
            200,
            lambda answer: f"{len(answer.json()['entry'])} réponses dans l'ordre",
        )
        psychiatry = self.publish(psychiatrist, patient, mine, cast.SERRE)[0]
        self.publish(neurologist, patient, mine, cast.CARON)
        holder = self.sign_in(cast.ANTOINE.email)
        where = psychiatry_page(psychiatry)
        if "/demasquer/" in holder.get(where).text:  # the journey was played before
            holder.fill(f"{where}demasquer/")
        self.step("Antoine ouvre ses documents", lambda: holder.get("/documents/"), 200, titles)
        self.withdrawn(holder, "Caron")
        self.step(
            "La neurologue consulte sans autorisation",
            lambda: search(neurologist, patient),
            403,
            lambda answer: answer.json()["issue"][0]["details"]["text"],
        )
        self.authorised(holder, "Caron")
        found = self.step("La neurologue consulte", lambda: search(neurologist, patient), 200, entries)
        first = found.json()["entry"][0]["resource"]
        self.identical(neurologist, first)
        self.step(
            "Antoine masque le compte rendu de psychiatrie", lambda: holder.fill(f"{where}masquer/"), 200, redirected
        )
        self.step(
            "La neurologue ne le trouve plus", lambda: without(search(neurologist, patient), psychiatry), 200, entries
        )
        self.step("et ne peut plus l'ouvrir", lambda: neurologist.get(f"/fhir/Binary/{psychiatry}"), 404)
        self.step("Le médecin traitant le voit", lambda: having(search(treating, patient), psychiatry), 200, entries)
        self.step("Son auteure aussi", lambda: psychiatrist.get(f"/fhir/Binary/{psychiatry}"), 200, size)
        self.step("Antoine aussi", lambda: holder.get(where), 200)
        self.step(
            "Antoine lit l'activité de son dossier", lambda: named(holder.get("/activite/"), "CARON", "MOREL"), 200
        )

    def publish(self, who: Browser, patient: str, documents: list[dict[str, str]], author: str) -> list[str]:
        names = []
        for one in (document for document in documents if document["author"] == author):
            answer = self.step(
                f"Dépôt (ITI-105) : {one['title']}",
                lambda one=one: who.send(  # type: ignore[misc]
                    "POST", "/fhir/DocumentReference", dumps(simplified(patient, one)), **{"Content-Type": FHIR}
                ),
                201,
            )
            names.append(answer.json()["id"])
        return names

    def sign_in(self, email: str) -> Browser:
        holder = Browser(self.base)
        self.step(
            "Antoine entre son adresse et son mot de passe",
            lambda: holder.fill("/compte/login/", login=email, password=cast.PASSWORD),
            200,
        )
        code = self.mailed_code(email)
        if code is None:
            raise Failed("Le code n'est pas arrivé par e-mail.")
        self.step("puis le code reçu par e-mail", lambda: holder.fill("/compte/login/code/confirm/", code=code), 200)
        return holder

    def authorised(self, holder: Browser, family: str) -> None:
        where = person_page(holder, family)
        self.step(
            "Antoine autorise la neurologue pour trois mois",
            lambda: authorise(holder, where),
            200,
            redirected,
        )

    def withdrawn(self, holder: Browser, family: str) -> None:
        """A journey played before left an authorisation: it ends first."""
        where = person_page(holder, family)
        if "/retirer/" in holder.get(where).text:
            token = csrf(holder.get(where))
            holder.send("POST", f"{where}retirer/", form(csrfmiddlewaretoken=token), Referer=self.base + where)

    def identical(self, who: Browser, reference: dict[str, Any]) -> None:
        attachment = reference["content"][0]["attachment"]

        def check() -> Answer:
            answer = who.get(f"/fhir/{attachment['url']}", Accept=attachment["contentType"])
            digest = base64.b64encode(hashlib.sha1(answer.body, usedforsecurity=False).digest()).decode()
            if digest != attachment["hash"]:
                raise Failed("Le contenu lu n'est pas celui qui a été déposé.")
            return answer

        self.step(
            f"et ouvre « {attachment['title']} »", check, 200, lambda answer: f"{size(answer)}, empreinte identique"
        )

    # -- documents written by others --------------------------------------------------------------------
    def foreign(self, samples: Path, expected: dict[str, Any]) -> None:
        """Every sample about the published test identity goes in through the interface."""
        self.say("Documents écrits par d'autres (échantillons officiels)")
        who, patient = self.doctor(cast.RIVIERE), f"{OID}|{DOMINIQUE}"
        self.opened(who)
        taken = refused = 0
        started = time.perf_counter()
        for name, facts in expected.items():
            if facts.get("patientINS") != DOMINIQUE or not facts["patientINSOid"].endswith(".10"):
                continue
            content = (samples / name).read_bytes()
            one = {"type": facts["typeCode"], "title": facts["title"], "media_type": "text/xml", "date": "2026-11-23"}
            body = dumps(simplified(patient, one, content, unique=False))
            answer = who.send("POST", "/fhir/DocumentReference", body, **{"Content-Type": FHIR})
            if answer.status == 201:
                taken += 1
            elif answer.status == 422:
                refused += 1
                self.say(f"    refusé, {name.split('/')[-1]} : {answer.json()['issue'][0]['details']['text']}")
            else:
                raise Failed(f"{name} : réponse {answer.status}. {answer.text[:300]}")
        self.count += 1
        spent = time.perf_counter() - started
        self.say(f"  ✓ {taken} documents officiels déposés, {refused} refusé(s) avec sa raison ({spent:.1f} s)")

    def opened(self, who: Browser) -> None:
        """The dossier of the published test identity, opened through the interface with consent; once."""
        body = {
            "consent": True,
            "matricule": DOMINIQUE,
            "oid": "1.2.250.1.213.1.4.10",
            "birth_family": "PAT-TROIS",
            "given_names": "Dominique Marie-Louise",
            "birth_date": "1979-03-28",
            "sex": "F",
            "evidence": "démonstration",
        }
        json_type = {"Content-Type": "application/json", "Accept": "application/json"}
        answer = who.send("POST", "/api/v1/dossiers", dumps(body), **json_type)
        if answer.status not in (201, 409):
            raise Failed(f"Ouverture : réponse {answer.status}. {answer.text[:300]}")
        self.count += 1
        self.say(f"  ✓ Le dossier est ouvert par l'interface, avec consentement → {answer.status}")


# -- messages ------------------------------------------------------------------------------------------
def manifest() -> list[dict[str, str]]:
    known: list[dict[str, str]] = json.loads((HERE / "manifest.json").read_text())
    return known


def dumps(body: Any) -> bytes:
    return json.dumps(body).encode()


def reference(patient: str, one: dict[str, str], content: bytes, *, unique: bool = True) -> dict[str, Any]:
    system = "http://loinc.org" if re.fullmatch(r"\d+-\d", one["type"]) else "urn:oid:1.2.250.1.213.1.1.4.12"
    found: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": system, "code": one["type"]}]},
        "subject": {"reference": f"Patient?identifier={patient}"},
        "date": f"{one['date']}T10:00:00+02:00",
        "content": [
            {
                "attachment": {
                    "contentType": one["media_type"],
                    "title": one["title"],
                    "creation": f"{one['date']}T10:00:00+02:00",
                    "size": len(content),
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                }
            }
        ],
    }
    if unique and one["media_type"] != "text/xml":
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"demo/{one['file']}")
        found["masterIdentifier"] = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{name}"}
    return found


def simplified(
    patient: str, one: dict[str, str], content: bytes | None = None, *, unique: bool = True
) -> dict[str, Any]:
    content = content if content is not None else (HERE / one["file"]).read_bytes()
    resource = reference(patient, one, content, unique=unique)
    resource["content"][0]["attachment"]["data"] = base64.b64encode(content).decode()
    return resource


def bundle(patient: str, documents: list[dict[str, str]]) -> dict[str, Any]:
    entries, items = [], []
    for one in documents:
        content = (HERE / one["file"]).read_bytes()
        own, data = (f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, kind + one['file'])}" for kind in ("entry", "data"))
        resource = reference(patient, one, content)
        resource["content"][0]["attachment"]["url"] = data
        items.append({"item": {"reference": own}})
        entries.append(
            {"fullUrl": own, "resource": resource, "request": {"method": "POST", "url": "DocumentReference"}}
        )
        binary = {
            "resourceType": "Binary",
            "contentType": one["media_type"],
            "data": base64.b64encode(content).decode(),
        }
        entries.append({"fullUrl": data, "resource": binary, "request": {"method": "POST", "url": "Binary"}})
    lot = {
        "resourceType": "List",
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, 'lot')}"}],
        "status": "current",
        "mode": "working",
        "code": {
            "coding": [
                {"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}
            ]
        },
        "subject": {"reference": f"Patient?identifier={patient}"},
        "date": "2026-07-10T10:00:00+02:00",
        "entry": items,
    }
    first = {"fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": lot}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [first | {"request": {"method": "POST", "url": "List"}}, *entries],
    }


# -- what came back ---------------------------------------------------------------------------------------
def search(who: Browser, patient: str) -> Answer:
    return who.get(f"/fhir/DocumentReference?patient.identifier={urllib.parse.quote(patient)}&status=current")


def entries(answer: Answer) -> str:
    return f"{len(answer.json().get('entry', []))} documents"


def having(answer: Answer, name: str) -> Answer:
    if answer.status == 200 and name not in answer.text:
        raise Failed("Le document masqué devrait être là.")
    return answer


def without(answer: Answer, name: str) -> Answer:
    if name in answer.text:
        raise Failed("Le document masqué se voit encore.")
    return answer


def named(answer: Answer, *names: str) -> Answer:
    missing = [name for name in names if name.lower() not in answer.text.lower()]
    if answer.status == 200 and missing:
        raise Failed(f"L'activité ne nomme pas {', '.join(missing)}.")
    return answer


def titles(answer: Answer) -> str:
    return f"{len(set(re.findall(r'/documents/([0-9a-f-]{36})/', answer.text)))} documents à l'écran"


def size(answer: Answer) -> str:
    return f"{len(answer.body)} octets"


def redirected(answer: Answer) -> str:
    found = re.search(r'<p class="alert alert-success[^>]*>([^<]+)<', answer.text)
    return unescape(found[1]).strip() if found else "fait"


def psychiatry_page(name: str) -> str:
    return f"/documents/{uuid.UUID(name[32:])}/"


def csrf(answer: Answer) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', answer.text)
    if not found:
        raise Failed("La page n'a pas de formulaire.")
    return found[1]


def form(**fields: str) -> bytes:
    return urllib.parse.urlencode(fields).encode()


def person_page(holder: Browser, family: str) -> str:
    """The page of a professional found by name, as a person finds it."""
    page = holder.get("/autorisations/")
    fields = form(csrfmiddlewaretoken=csrf(page), name=family, given="")
    answer = holder.send("POST", "/autorisations/chercher/", fields, Referer=page.url)
    found = re.search(r'href="(/autorisations/[0-9a-f-]{36}/)"', answer.text)
    if not found:
        raise Failed("La neurologue n'est pas dans l'annuaire.")
    return found[1]


def authorise(holder: Browser, where: str) -> Answer:
    token = csrf(holder.get(where))
    return holder.send(
        "POST", f"{where}autoriser/", form(csrfmiddlewaretoken=token, duration="3mois"), Referer=holder.base + where
    )
