"""A real OpenID provider: django-oauth-toolkit in a process of its own, playing Pro Santé Connect.

`python provider.py FOLDER PORT`. FOLDER holds `provider.json` (issuer, client, key) and `people.json`, written by
the tests: who may sign in, with which claims. Sign-in pages, codes, PKCE, tokens, user information, keys and
sign-out are the toolkit's; the session identifier and the back-channel logout (which the toolkit lacks) are here.
"""

import json
import sys
import time
import uuid
from pathlib import Path

import django
from django.conf import settings

FOLDER, PORT = Path(sys.argv[1]), int(sys.argv[2])
ABOUT = json.loads((FOLDER / "provider.json").read_text())
SIGN_IN = """<form method="post">{% csrf_token %}{{ form }}<input type="hidden" name="next" value="{{ next }}">
<button>Entrer</button></form>"""

settings.configure(
    SECRET_KEY=uuid.uuid4().hex * 2,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF="__main__",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "provider.sqlite"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": SIGN_IN})],
                "context_processors": ["django.template.context_processors.request"],
            },
        }
    ],
    SESSION_COOKIE_NAME="provider",
    CSRF_COOKIE_NAME="provider_csrf",
    LOGIN_URL="/sign-in/",
    AUTHENTICATION_BACKENDS=["__main__.Backend"],
    USE_TZ=True,
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_ISS_ENDPOINT": ABOUT["issuer"],
        "OIDC_RSA_PRIVATE_KEY": ABOUT["key"],
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "PKCE_REQUIRED": True,
        "SCOPES": {"openid": "identity", "scope_all": "work situations"},
        "OAUTH2_VALIDATOR_CLASS": "__main__.Validator",
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],
    },
)
django.setup()

import requests  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.backends import ModelBackend  # noqa: E402
from django.contrib.auth.signals import user_logged_in, user_logged_out  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.servers.basehttp import run  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from joserfc import jwt  # noqa: E402
from joserfc.jwk import RSAKey  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402

SESSIONS: dict[str, str] = {}  # username: sid of his last sign-in

urlpatterns = [path("sign-in/", LoginView.as_view()), path("o/", include("oauth2_provider.urls"))]


def people():
    return json.loads((FOLDER / "people.json").read_text())


class Backend(ModelBackend):
    """Whoever stands in people.json signs in with his name as password: a card would do better."""

    def authenticate(self, request, username=None, password=None, **kwargs):
        if username in people() and password == username:
            return get_user_model().objects.get_or_create(username=username)[0]
        return None


class Validator(OAuth2Validator):
    oidc_claim_scope = None  # scope_all opens every claim, as Pro Santé Connect does

    def get_additional_claims(self, request):
        return people()[request.user.username] | {"sid": SESSIONS.get(request.user.username, "")}


def note_session(user, **kwargs):
    SESSIONS[user.username] = uuid.uuid4().hex


def tell_the_client(user, **kwargs):
    """OpenID Connect Back-Channel Logout 1.0."""
    about = people()
    if user is None or not (address := about.get("_back_channel")):
        return
    key = RSAKey.import_key(ABOUT["key"])
    now = int(time.time())
    claims = {
        "iss": ABOUT["issuer"],
        "aud": ABOUT["client_id"],
        "iat": now,
        "exp": now + 120,
        "jti": uuid.uuid4().hex,
        "sub": about[user.username]["sub"],
        "sid": SESSIONS.pop(user.username, ""),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }
    token = jwt.encode({"alg": "RS256", "typ": "logout+jwt", "kid": key.thumbprint()}, claims, key)
    requests.post(address, data={"logout_token": token}, timeout=5)


def tell_ready(port):
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    user_logged_in.connect(note_session)
    user_logged_out.connect(tell_the_client)
    call_command("migrate", verbosity=0)
    Application.objects.create(
        name="dmp",
        client_id=ABOUT["client_id"],
        client_secret=ABOUT["client_secret"],
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=" ".join(ABOUT["redirect_uris"]),
        post_logout_redirect_uris=" ".join(ABOUT["signed_out_uris"]),
        algorithm=Application.RS256_ALGORITHM,
        skip_authorization=True,
    )
    run("127.0.0.1", PORT, get_wsgi_application(), threading=True, on_bind=tell_ready)
