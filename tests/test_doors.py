"""Every door of both sites, knocked at by everybody: what each is told stands in a table. A new door needs a row.

A cell is GET/POST, as statuses; « login »: sent to sign in. Nobody is ever answered 5xx. A token opens no page and a
page's session nothing of the interface: there, whoever brings one is anonymous.
"""

import re
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.urls import clear_url_caches

from tests import doors
from tests.doors import Cast

pytestmark = pytest.mark.django_db

PAGES = """
route                         anonymous holder   parent   carer    professional agent   operator
healthz                       200/200   200/200  200/200  200/200  200/200      200/200 200/200
metrics                       404/404   404/404  404/404  404/404  403/403      404/404 404/404
accessibilite/                200/200   200/200  200/200  200/200  200/200      200/200 200/200
aide/                         200/200   200/200  200/200  200/200  200/200      200/200 200/200
certificats/                  200/422   200/422  200/422  200/422  200/422      200/422 200/422
mentions-legales/             200/200   200/200  200/200  200/200  200/200      200/200 200/200
api/schema                    200/405   200/405  200/405  200/405  200/405      200/405 200/405
api/docs                      200/405   200/405  200/405  200/405  200/405      200/405 200/405
(home)                        200/405   200/405  200/405  200/405  302/302      403/405 403/405
dossiers/                     login     200/404  200/404  200/404  403/403      403/403 403/403
profil/                       login     200/405  200/405  404/405  403/403      403/405 403/405
profil/coordonnees/           login     200/302  200/302  404/404  403/403      403/403 403/403
profil/urgences/              login     200/302  200/302  404/404  403/403      403/403 403/403
profil/apres-moi/             login     200/302  404/404  404/404  403/403      403/403 403/403
profil/nouveaux-documents/    login     200/302  200/302  404/404  403/403      403/403 403/403
profil/accord/                login    200/422  200/422  404/404  403/403  403/403  403/403
profil/accord/grille/         login    405/200  405/200  405/404  403/403  405/403  405/403
profil/urgences/carte/        login    405/200  405/200  405/404  403/403  405/403  405/403
profil/urgences/carte/pdf/    login    405/302  405/302  405/404  403/403  405/403  405/403
profil/urgences/carte/retirer/ login    405/302  405/302  405/404  403/403  405/403  405/403
profil/demandes/              login     200/405  200/405  404/405  403/403      403/405 403/405
profil/demandes/nouvelle/<slug>/ login  200/422  200/422  404/404  403/403      403/403 403/403
profil/demandes/nouvelle/<slug>/<d>/ login 200/422 404/404 404/404 403/403      403/403 403/403
profil/demandes/<r>/          login     404/405  404/405  404/405  403/403      403/405 403/405
profil/demandes/<r>/annuler/  login     405/404  405/404  405/404  403/403      405/403 405/403
profil/demandes/<r>/courrier/<paper_id>/ login 404/405 404/405 404/405 403/403  403/405 403/405
profil/demandes/<r>/lettre/<name>/ login 404/405 404/405 404/405 403/403        403/405 403/405
profil/copies/                login     200/422  200/422  404/404  403/403      403/403 403/403
profil/copies/<copy_id>/      login     404/405  404/405  404/405  403/403      403/405 403/405
profil/copies/<copy_id>/recuperer/ login 404/404 404/404  404/404  403/403      403/403 403/403
profil/copies/<copy_id>/detruire/ login 405/404  405/404  405/404  403/403      405/403 405/403
profil/dossier/fermeture/     login     302/302  302/302  404/404  403/403      403/403 403/403
profil/dossier/reactivation/  login     302/302  302/302  404/404  403/403      403/403 403/403
profil/dossier/suppression/   login     409/409  409/409  404/404  403/403      403/403 403/403
autorisations/                login     200/405  200/405  404/405  403/403      403/405 403/405
aidants/                      login    200/422  200/422  404/404  403/403  403/403  403/403
aidants/parent/               login     405/422  405/422  405/404  403/403      405/403 405/403
aidants/<representation_id>/retirer/ login     405/404  405/404  405/404  403/403      405/403 405/403
aidants/invitations/<invitation_id>/annuler/ login  405/404  405/404  405/404  403/403      405/403 405/403
invitation/<identifier>/      200/422   200/422  200/422  200/422  403/403      403/403 403/403
autorisations/chercher/       login     302/302  302/302  302/302  403/403      302/302 302/302
autorisations/<p>/            login     200/405  200/405  404/405  403/403      403/405 403/405
autorisations/<p>/autoriser/  login     405/422  405/422  405/404  403/403      405/403 405/403
autorisations/<p>/<decision>/ login     405/302  405/422  405/404  403/403      405/403 405/403
autorisations/<p>/ce-qu-il-voit/ login  200/405  200/405  404/405  403/403      403/405 403/405
autorisations/equipes/        login    200/200  200/200  404/404  403/403  403/403  403/403
autorisations/equipes/<team_id>/membres/ login    405/422  405/422  405/404  403/403  405/403  405/403
autorisations/equipes/<team_id>/fin/ login    405/404  405/404  405/404  403/403  405/403  405/403
documents/                    login     200/405  200/405  404/405  403/403      403/405 403/405
documents/soins-rembourses/   login     200/405  200/405  404/405  403/403      403/405 403/405
documents/chercher/           login     405/302  405/302  405/302  403/403      405/302 405/302
documents/ajouter/            login     200/200  200/200  404/404  403/403      403/403 403/403
documents/<d>/                login     200/405  404/405  404/405  403/403      403/405 403/405
documents/<d>/fichier/        login     200/405  404/405  404/405  403/403      403/405 403/405
documents/<d>/extrait/        login     404/405  404/405  404/405  403/403      403/405 403/405
documents/<d>/image/          login     404/405  404/405  404/405  403/403      403/405 403/405
documents/<d>/masquer/        login     200/302  404/404  404/404  403/403      403/403 403/403
documents/<d>/qui-le-voit/    login    200/405  404/405  404/405  403/403  403/405  403/405
documents/<d>/ouvrir-a/       login     200/302  404/302  404/302  403/403      403/302 403/302
documents/<d>/ouvrir-a/<p>/   login     200/422  404/404  404/404  403/403      403/403 403/403
documents/<d>/refermer/<p>/   login     405/302  405/404  405/404  403/403      405/403 405/403
documents/<d>/demasquer/      login     200/302  404/404  404/404  403/403      403/403 403/403
documents/<d>/supprimer/      login     404/404  404/404  404/404  403/403      403/403 403/403
activite/                     login     200/405  200/405  404/405  403/403      403/405 403/405
statistiques/                 200/405  200/405  200/405  200/405  200/405  200/405  200/405
statistiques.csv              200/405  200/405  200/405  200/405  200/405  200/405  200/405
statistiques.json             200/405  200/405  200/405  200/405  200/405  200/405  200/405
matrice/                      200/405  200/405  200/405  200/405  200/405  200/405  200/405
activite/<t>/contester/       login     404/404  404/404  404/404  403/403      403/403 403/403
demandes/                     login    200/405  200/405  404/405  403/403  403/405  403/405
demandes/attente/             login    204/405  204/405  204/405  403/403  204/405  204/405
demandes/<r>/                 login    405/422  405/422  405/404  403/403  405/403  405/403
ouvrir/                       200/200   200/200  200/200  200/200  403/403      200/200 200/200
ouvrir/code/                  302/302   302/302  302/302  302/302  403/403      302/302 302/302
ouvrir/lien/<r>/<secret>/     200/410   200/410  200/410  200/410  403/403      200/410 200/410
ouvrir/courrier/              200/200   200/200  200/200  200/200  403/403      200/200 200/200
ouvrir/courrier/envoye/       200/405   200/405  200/405  200/405  403/403      200/405 200/405
ouvrir/accord/                302/302   302/302  302/302  302/302  403/403      302/302 302/302
pro/                          login     404/405  404/405  404/405  200/405      404/405 404/405
pro/connexion/                404/405   404/405  404/405  404/405  404/405      404/405 404/405
pro/retour/                   404/405   404/405  404/405  404/405  404/405      404/405 404/405
pro/situation/                login     405/404  405/404  405/404  405/422      405/404 405/404
pro/sortie/                   login     405/404  405/404  405/404  405/200      405/404 405/404
pro/fin-de-session/           405/404   405/404  405/404  405/404  405/404      405/404 405/404
profil/adresse/               login     302/302  302/302  302/302  403/403      403/403 403/403
profil/adresse/code/          login     302/302  302/302  302/302  403/403      302/302 302/302
profil/adresse/annuler/<token>/ 410/410 410/410  410/410  410/410  403/403      410/410 410/410
compte/guichet/               login     login    login    login    403/403      login   login
compte/login/                 200/200   302/302  302/302  302/302  302/302      302/302 302/302
compte/logout/                302/302   200/302  200/302  200/302  302/302      200/302 200/302
compte/inactive/              200/405   200/405  200/405  200/405  403/403      200/405 200/405
compte/signup/                302/302   302/302  302/302  302/302  403/403      302/302 302/302
compte/email/                 login     302/302  302/302  302/302  403/403      302/302 302/302
compte/confirm-email/         login     302/302  302/302  302/302  403/403      302/302 302/302
compte/sessions/              login     200/302  200/302  200/302  403/403      200/302 200/302
compte/reauthenticate/        login     200/200  200/200  200/200  403/403      200/200 200/200
compte/login/code/confirm/    login     302/302  302/302  302/302  403/403      302/302 302/302
compte/password/change/       login     200/200  200/200  200/200  403/403      200/200 200/200
compte/password/set/          login     302/302  302/302  302/302  403/403      302/302 302/302
compte/password/reset/        200/200   200/200  200/200  200/200  403/403      200/200 200/200
compte/password/reset/done/   200/405   200/405  200/405  200/405  403/403      200/405 200/405
compte/password/reset/key/<uidb36>-<key>/ 200/200 200/200 200/200 200/200 403/403 200/200 200/200
compte/password/reset/key/done/ 200/405 200/405  200/405  200/405  403/403      200/405 200/405
compte/2fa/                   login     200/405  200/405  200/405  403/403      200/405 200/405
compte/2fa/authenticate/      login     302/302  302/302  302/302  403/403      302/302 302/302
compte/2fa/reauthenticate/    login     302/302  302/302  302/302  403/403      200/200 200/200
compte/2fa/totp/activate/     login     302/302  302/302  302/302  403/403      302/302 302/302
compte/2fa/totp/deactivate/   login     404/404  404/404  404/404  403/403      302/302 302/302
compte/2fa/recovery-codes/    login     404/405  404/405  404/405  403/403      404/405 404/405
compte/2fa/recovery-codes/generate/ login 302/302 302/302 302/302  403/403      302/302 302/302
compte/2fa/recovery-codes/download/ login 404/404 404/404 404/404  403/403      404/404 404/404
compte/2fa/webauthn/          login     200/405  200/405  200/405  403/403      200/405 200/405
compte/2fa/webauthn/add/      login     302/302  302/302  302/302  403/403      302/302 302/302
compte/2fa/webauthn/reauthenticate/ login 302/302 302/302 302/302  403/403      302/302 302/302
compte/2fa/webauthn/keys/<k>/remove/ login 302/302 302/302 302/302 403/403      302/302 302/302
compte/2fa/webauthn/keys/<k>/edit/ login 302/302 302/302  302/302  403/403      302/302 302/302
compte/2fa/webauthn/login/    login     302/302  302/302  302/302  403/403      302/302 302/302
"""

# Existence, state and his own right: any identified professional (D17). What may not be known is absent (404).
INTERFACE = """
route                                anonymous authorised unknown  blocked  structure
fhir                                 401/401   405/400    405/400  405/400  405/400
fhir/                                401/401   405/400    405/400  405/400  405/400
fhir/metadata                        200/405   200/405    200/405  200/405  200/405
fhir/Patient                         401/401   400/405    400/405  400/405  400/405
fhir/Patient/_search                 401/401   405/400    405/400  405/400  405/400
fhir/Patient/<identifier>            401/401   200/405    200/405  200/405  200/405
fhir/DocumentReference               401/401   400/400    400/400  400/400  400/400
fhir/DocumentReference/_search       401/401   405/400    405/400  405/400  405/400
fhir/DocumentReference/<identifier>  401/401   200/405    404/405  404/405  404/405
fhir/List                            401/401   400/405    400/405  400/405  400/405
fhir/List/_search                    401/401   405/400    405/400  405/400  405/400
fhir/List/<identifier>               401/401   404/405    404/405  404/405  404/405
fhir/Binary/<identifier>             401/401   200/405    404/405  404/405  404/405
api/v1/dossiers                      401/401   405/422    405/422  405/422  403/403
api/v1/dossiers/<dossier>/autorisation 401/401 200/422    200/422  200/422  403/403
api/v1/dossiers/<dossier>/medecin-traitant 401/401 405/422 405/422 405/422  403/403
api/v1/dossiers/<dossier>/depots     401/401   200/405    200/405  403/405  403/403
api/v1/dossiers/<dossier>/demandes   401/401  405/201  405/201  405/403  403/403
api/v1/dossiers/<dossier>/demandes/<demande> 401/401  404/405  404/405  404/405  403/403
api/v1/dossiers/<dossier>/demandes/<demande>/code 401/401  405/422  405/422  405/422  403/403
api/v1/dossiers/<dossier>/demandes/<demande>/pin 401/401  405/422  405/422  405/422  403/403
api/v1/dossiers/<dossier>/equipe/membres 401/401  405/422  405/422  405/422  403/403
api/v1/dossiers/<dossier>/fermeture 401/401  405/422  405/422  405/422  403/403
api/v1/alertes                       401/401  200/405  200/405  200/405  403/403
api/v1/dossiers/<dossier>/urgences   401/401   200/422    200/422  200/422  403/403
api/v1/dossiers/<dossier>/urgences/<acces>/attestation 401/401 405/422 405/422 405/422 403/403
api/v1/urgences/numero               401/401   405/422    405/422  405/422  403/403
api/v1/alertes/urgences              401/401   200/405    200/405  200/405  403/403
"""

# Whoever stands to this dossier by another quality is told what the one beside him is, but here. A carer who was
# given all five rights decides nothing of who sees a document, asks for no copy, closes nothing.
GUARDIAN = {"profil/apres-moi/": "404/404"}  # an opposition for after one's death is one's own word
HELPER = {
    "profil/apres-moi/": "404/404",
    "profil/": "404/405",
    "profil/coordonnees/": "404/404",
    "profil/nouveaux-documents/": "404/404",
    "profil/accord/": "404/404",
    "profil/accord/grille/": "405/404",
    "profil/urgences/": "404/404",
    "profil/urgences/carte/": "405/404",
    "profil/urgences/carte/pdf/": "405/404",
    "profil/urgences/carte/retirer/": "405/404",
    "profil/demandes/": "404/405",
    "profil/demandes/nouvelle/<slug>/": "404/404",
    "profil/demandes/nouvelle/<slug>/<d>/": "404/404",
    "profil/copies/": "404/404",
    "profil/dossier/fermeture/": "404/404",
    "profil/dossier/reactivation/": "404/404",
    "profil/dossier/suppression/": "404/404",
    "aidants/": "404/404",
    "aidants/parent/": "405/404",
    "autorisations/equipes/": "404/404",
    "autorisations/equipes/<team_id>/membres/": "405/404",
    "documents/<d>/masquer/": "404/404",
    "documents/<d>/demasquer/": "404/404",
    "documents/<d>/ouvrir-a/": "404/302",
    "documents/<d>/ouvrir-a/<p>/": "404/404",
    "documents/<d>/refermer/<p>/": "405/404",
}
TREATING: dict[str, str] = {}  # as one who is authorised: what he sees more is in the answers
# The Centre 15 consults (D7). A secret session is a minor's: on this dossier it opens nothing (D11).
REGULATOR = {
    "api/v1/dossiers/<dossier>/demandes": "405/403",
    "api/v1/dossiers/<dossier>/depots": "403/405",
}
SECRET = REGULATOR | {
    "fhir/DocumentReference/<identifier>": "404/405",
    "fhir/Binary/<identifier>": "404/405",
}

# PUT/PATCH/DELETE, where one of them is anything; everywhere else of the interface 405, once one is known.
METHODS = """
route                                anonymous   authorised  unknown     blocked     structure   treating    regulator   secret
fhir/DocumentReference               401/401/401 405/400/405 405/400/405 405/400/405 405/400/405 405/400/405 405/400/405 405/400/405
fhir/DocumentReference/<identifier>  401/401/401 405/400/405 405/404/405 405/404/405 405/404/405 405/400/405 405/400/405 405/404/405
api/v1/dossiers/<dossier>/autorisation 401/401/401 422/405/204 422/405/422 422/405/403 403/403/403 422/405/204 422/405/403 422/405/403
api/v1/dossiers/<dossier>/medecin-traitant 401/401/401 405/405/422 405/405/422 405/405/403 403/403/403 405/405/204 405/405/403 405/405/403
api/v1/dossiers/<dossier>/urgences/<acces>/attestation 401/401/401 422/405/405 422/405/405 422/405/405 403/403/403 422/405/405 422/405/405 422/405/405
"""  # noqa: E501

# The counter and the administration: agents and operators alone. A model of the administration has one row.
BACK_OFFICE = """
route                         anonymous holder  parent  carer   professional agent   operator
healthz                       200/200   200/200 200/200 200/200 200/200      200/200 200/200
exploitation/sante/           login     login   login   login   login        403/405 200/405
accessibilite/                200/200   200/200 200/200 200/200 200/200      200/200 200/200
aide/                         200/200   200/200 200/200 200/200 200/200      200/200 200/200
mentions-legales/             200/200   200/200 200/200 200/200 200/200      200/200 200/200
(home)                        login     302/302 302/302 302/302 login        302/302 302/302
accueil/                      login     302/302 302/302 302/302 login        302/302 302/302
guichet/                      login     login   login   login   login        200/200 200/200
guichet/personne/             login     login   login   login   login        302/405 302/405
guichet/ouvrir/               login     login   login   login   login        302/302 302/302
guichet/coordonnees/          login     login   login   login   login        302/302 302/302
guichet/historique/           login     login   login   login   login        302/405 302/405
guichet/demandes/             login     login   login   login   login        200/200 200/200
guichet/demandes/nouvelle/    login     login   login   login   login        302/302 302/302
guichet/demandes/<identifier>/ login    login   login   login   login        404/404 404/404
guichet/demandes/<identifier>/pli/ login login login login   login        404/404 404/404
guichet/demandes/<identifier>/<name>/ login login login login   login        404/405 404/405
guichet/acces/                login     login   login   login   login        302/302 302/302
guichet/representants/        login     login   login   login   login        302/302 302/302
guichet/carte/                login     login   login   login   login        405/302 405/302
guichet/arrivant/             login     login   login   login   login        200/200 200/200
guichet/numero/               login     login   login   login   login        302/302 302/302
guichet/verifier/             login     login   login   login   login        302/302 302/302
guichet/lettre/               login     login   login   login   login        302/302 302/302
admin/                        login     login   login   login   login        200/200 200/200
admin/search/                 login     login   login   login   login        200/200 200/200
admin/login/                  login     403/403 403/403 403/403 login        302/302 302/302
admin/logout/                 login     302/302 302/302 302/302 login        405/200 405/200
admin/password_change/        login     login   login   login   login        200/200 200/200
admin/password_change/done/   login     login   login   login   login        200/405 200/405
admin/autocomplete/           login     login   login   login   login        403/405 403/405
admin/jsi18n/                 login     login   login   login   login        200/405 200/405
admin/r/<c>/<o>/              login     login   login   login   login        404/404 404/404
admin/<app_label>/            login     login   login   login   login        404/404 200/200
admin/<url>                   login     login   login   login   login        404/404 404/404
"""
APPS = {
    "auth": ["group"],
    "access": [
        "caissegroupgrant",
        "contest",
        "emergencyaccess",
        "matrixversion",
        "professional",
        "structure",
        "user",
    ],
    "patients": ["caisse", "openingrule", "regime", "registerload"],
}
MODELS = [f"{app}/{model}" for app, models in APPS.items() for model in models]
# On rows that are not there: the list and the form of a new one, then the pages of one.
ONE_MODEL = {
    "": ("403/403", "200/200"),
    "add/": ("403/403", "200/200|403/403"),
    "<o>/history/": ("302/302|404/404|403/403", "302/302|404/404"),
    "<o>/delete/": ("403/403", "302/302|403/403"),
    "<o>/change/": ("403/403", "302/302|302/403"),
    "<o>/": ("302/302", "302/302"),
    "<o>/history/<o>/": ("404/403|404/404", "404/403|404/404"),
}
KEPT = ["anonymous", "holder", "parent", "carer", "professional"]  # out of the administration


def table(text: str) -> dict[str, dict[str, str]]:
    """Of each route, what each caller is told."""
    callers, *rows = (line.split() for line in text.strip().splitlines())
    return {row[0]: dict(zip(callers[1:], row[1:], strict=True)) for row in rows}


def of_models() -> dict[str, dict[str, str]]:
    return {
        f"admin/{model}/{page}": dict.fromkeys(KEPT, "login") | {"agent": agent, "operator": operator}
        for model in MODELS
        for page, (agent, operator) in ONE_MODEL.items()
    }


def short(route: str) -> str:
    """A pattern as the tables write it."""
    names = {"document_id": "d", "professional_id": "p", "request_id": "r", "pk": "k", "object_id": "o"}
    names |= {"trace_id": "t", "content_type_id": "c"}
    plain = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", route).replace("([^/]+)", "<o>").replace("^", "").replace("$", "")
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda one: f"<{names.get(one[1], one[1])}>", plain) or "(home)"


@pytest.fixture
def open_site(settings: LazySettings, code_tables: None) -> Iterator[object]:
    settings.ACCOUNT_RATE_LIMITS = False  # of the account pages; they are tested where they are

    def opened(site: str, role: str) -> Cast:
        settings.ROOT_URLCONF, settings.ROLE = site, role
        clear_url_caches()
        return doors.cast()

    yield opened
    clear_url_caches()


def wrong(
    cast: Cast, site: str, told: dict[str, dict[str, str]], methods: tuple[str, ...] = ("GET", "POST")
) -> list[str]:
    """What was not told as the table says."""
    found = []
    for route in doors.routes(site):
        path = doors.address(route, cast)
        for caller, expected in told.get(short(route), {}).items():
            answer = "/".join(cast.callers[caller](method, path) for method in methods)
            if re.sub(r"^login(/login)*$", "login", answer) not in expected.split("|"):
                found.append(f"{route} {caller}: {answer}, not {expected}")
    return found


@pytest.mark.parametrize(("site", "role"), [("dmp.urls", "portal"), ("dmp.urls_backoffice", "backoffice")])
def test_no_door_answers_the_insurer_what_it_does_not_answer_to_anybody(open_site, site, role):
    """It writes, by its files, and never reads: not a dossier, not whether there is one (rules.md section 5)."""
    cast = open_site(site, role)
    insurer, anonymous = cast.callers["insurer"], cast.callers["anonymous"]
    told = {}
    for route in doors.routes(site):
        path = doors.address(route, cast)
        for method in ("GET", "POST"):
            said = insurer(method, path)
            if said.startswith("2") and said != anonymous(method, path):
                told[method, route] = said
    assert told == {}


def test_every_door_of_the_portal_has_its_row():
    assert {short(route) for route in doors.routes("dmp.urls")} == {*table(PAGES), *table(INTERFACE)}


def test_every_door_of_the_back_office_has_its_row():
    accounts = {route for route in table(PAGES) if route.startswith("compte/")}
    found = {short(route) for route in doors.routes("dmp.urls_backoffice")}
    assert found - set(of_models()) == {*table(BACK_OFFICE), *accounts}
    assert set(of_models()) - found <= {f"admin/{model}/<o>/history/<o>/" for model in MODELS}  # with a history


def test_who_enters_where_in_the_portal(open_site):
    cast = open_site("dmp.urls", "portal")
    # A token is nothing to a page.
    pages = {route: row | {"authorised": row["anonymous"]} for route, row in table(PAGES).items()}
    # A session is nothing to the interface.
    sessions = ("holder", "professional", "agent", "operator")
    interface = {route: row | dict.fromkeys(sessions, row["anonymous"]) for route, row in table(INTERFACE).items()}
    assert wrong(cast, "dmp.urls", pages | interface) == []


def test_who_stands_by_another_quality_enters_where_he_may(open_site):
    cast = open_site("dmp.urls", "portal")
    cast.callers = doors.by_quality(cast)
    pages = {
        route: {"guardian": GUARDIAN.get(route, row["holder"]), "helper": HELPER.get(route, row["holder"])}
        for route, row in table(PAGES).items()
    }
    qualities = {"treating": TREATING, "regulator": REGULATOR, "secret": SECRET}
    interface = {
        route: {name: said.get(route, row["authorised"]) for name, said in qualities.items()}
        for route, row in table(INTERFACE).items()
    }
    assert {*HELPER} <= {*pages} and {*SECRET} <= {*interface}
    assert wrong(cast, "dmp.urls", pages | interface) == []


def test_no_other_method_enters_but_where_it_is_the_way(open_site):
    cast = open_site("dmp.urls", "portal")
    cast.callers |= doors.by_quality(cast)
    known = table(METHODS)
    told = {route: known.get(route) or other_methods(route) for route in table(INTERFACE)}
    # A page changes by POST alone. The account's own pages are the library's.
    own = (route for route in table(PAGES) if not route.startswith(("compte/", "healthz", "metrics", *STILL)))
    told |= {route: dict.fromkeys(("holder", "helper", "guardian"), "405/405/405|404/404/404") for route in own}
    assert wrong(cast, "dmp.urls", told, ("PUT", "PATCH", "DELETE")) == []


STILL = (
    "accessibilite/",
    "aide/",
    "mentions-legales/",
)  # the same page whatever the method: there is nothing to change


def other_methods(route: str) -> dict[str, str]:
    """What PUT, PATCH and DELETE are told where none of them is a way."""
    callers = table(METHODS)["fhir/DocumentReference"]
    told = dict.fromkeys(callers, "405/405/405")
    if route != "fhir/metadata":  # which anybody reads
        told["anonymous"] = "401/401/401"
    if route.startswith("api/v1/"):
        told["structure"] = "403/403/403"
    return told


def test_who_enters_where_in_the_back_office(open_site):
    cast = open_site("dmp.urls_backoffice", "backoffice")
    told = {route: row | {"authorised": row["anonymous"]} for route, row in table(BACK_OFFICE).items()}
    # The pages of the account are the portal's, but a professional has none here: his session is ended.
    for route, row in table(PAGES).items():
        if route.startswith("compte/"):
            told[route] = {"anonymous": row["anonymous"], "agent": row["agent"], "professional": row["anonymous"]}
    assert wrong(cast, "dmp.urls_backoffice", told | of_models()) == []
