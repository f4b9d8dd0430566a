"""The description of /api/v1: OpenAPI 3.1, complete, readable without signing in, under a strict CSP."""

import json

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def schema(client):
    answer = client.get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    return json.loads(answer.content)


def test_it_is_openapi_3_1_and_names_the_acts(schema):
    assert schema["openapi"].startswith("3.1")
    operations = {
        (method, path.replace("/api/v1", "")): operation["operationId"]
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }
    assert operations == {
        ("post", "/dossiers"): "ouvrir_dossier",
        ("get", "/dossiers/{dossier}/autorisation"): "lire_autorisation",
        ("put", "/dossiers/{dossier}/autorisation"): "enregistrer_autorisation",
        ("delete", "/dossiers/{dossier}/autorisation"): "renoncer_autorisation",
        ("post", "/dossiers/{dossier}/medecin-traitant"): "devenir_medecin_traitant",
        ("delete", "/dossiers/{dossier}/medecin-traitant"): "cesser_medecin_traitant",
        ("post", "/dossiers/{dossier}/demandes"): "demander_accord",
        ("get", "/dossiers/{dossier}/demandes/{demande}"): "lire_demande",
        ("post", "/dossiers/{dossier}/demandes/{demande}/code"): "accord_par_grille",
        ("post", "/dossiers/{dossier}/demandes/{demande}/pin"): "accord_par_code_personnel",
        ("post", "/dossiers/{dossier}/equipe/membres"): "nommer_membre_equipe",
        ("post", "/dossiers/{dossier}/fermeture"): "transmettre_fermeture",
        ("get", "/alertes"): "lire_alertes",
        ("get", "/dossiers/{dossier}/depots"): "lister_mes_depots",
        ("get", "/dossiers/{dossier}/urgences"): "lire_mes_urgences",
        ("post", "/dossiers/{dossier}/urgences"): "ouvrir_en_urgence",
        ("put", "/dossiers/{dossier}/urgences/{acces}/attestation"): "justifier_urgence",
        ("post", "/urgences/numero"): "taper_numero_urgence",
        ("get", "/alertes/urgences"): "lire_alertes_urgences",
    }


def test_each_act_names_its_refusals_and_asks_for_a_card_or_a_token(schema):
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert {"401", "403", "404", "409", "422", "503"} < set(operation["responses"])
            assert operation["security"] == [{"Certificat": []}, {"ProSanteConnect": []}]
    assert schema["components"]["securitySchemes"] == {
        "Certificat": {
            "type": "mutualTLS",
            "description": "Certificat d'authentification de carte CPS, sans jeton. Celui d'une structure alimente "
            "par /fhir et ne fait aucun des actes décrits ici.",
        },
        "ProSanteConnect": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Jeton d'accès Pro Santé Connect. Plusieurs situations d'exercice : nommez-en une dans "
            "l'en-tête DMP-Situation.",
        },
    }


def test_it_is_described_without_a_warning(capsys):
    from drf_spectacular.generators import SchemaGenerator

    SchemaGenerator().get_schema(request=None, public=True)
    assert "Warning" not in (printed := capsys.readouterr().err), printed
    assert "Error" not in printed


def test_the_page_holds_no_script_nor_style_of_its_own(client):
    answer = client.get("/api/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=") == 3
    script = client.get("/api/docs?script=")
    assert (script.status_code, script.headers["Content-Type"]) == (200, "application/javascript")
    assert "/api/schema" in script.content.decode()


@pytest.mark.browser
def test_a_browser_shows_it_under_the_policy(live_server, client):
    from playwright.sync_api import sync_playwright

    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
        page.goto(f"{live_server.url}/api/docs")
        page.get_by_text("Ouvrir le dossier d'une personne").wait_for()
        browser.close()
    assert complaints == []
