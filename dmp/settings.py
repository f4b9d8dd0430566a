"""The one settings file. Everything that differs between installations comes from the environment.

`.env.example` explains each variable; `dmp/checks.py` refuses unsafe combinations at start.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from psycopg.conninfo import conninfo_to_dict

BASE_DIR = Path(__file__).resolve().parent.parent


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def words(name: str, default: str) -> list[str]:
    return text(name, default).split(",")


def flag(name: str) -> bool:
    return os.environ.get(name, "") in {"1", "true", "yes"}


# -- role of this process ---------------------------------------------------------------------
ROLE = text("DMP_ROLE", "manage")  # portal | backoffice | worker | beat | manage
DEMO = flag("DMP_DEMO")
TLS = flag("DMP_TLS")
DEBUG = flag("DMP_DEBUG")
TESTING = "pytest" in sys.modules

SECRET_KEY = text("DMP_SECRET_KEY")
IDENTITY_KEY = text("DMP_IDENTITY_KEY")
MASTER_KEYS = text("DMP_MASTER_KEYS")
PORTAL_URL = text("DMP_PORTAL_URL", "http://localhost:8000")
BACKOFFICE_URL = text("DMP_BACKOFFICE_URL", "http://localhost:8001")
ALLOWED_HOSTS = words("DMP_ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = [PORTAL_URL, BACKOFFICE_URL]

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "simple_history",
    "django_celery_beat",
    "csp",
    "dmp",
    "audit",
    "patients",
    "access",
    "documents",
    "archival",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "audit.request.RequestMiddleware",
    "access.quiet.QuietSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "dmp.pages.MethodMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "access.professional_session.ProfessionalSessionMiddleware",
    "access.signed_out.SignedInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "dmp.urls_backoffice" if ROLE == "backoffice" else "dmp.urls"
WSGI_APPLICATION = "dmp.wsgi.application"
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dmp.context.site",
            ],
        },
    },
]


# -- databases -----------------------------------------------------------------------------------
def database(url: str) -> dict:
    info = conninfo_to_dict(url)
    return {
        "ENGINE": "dmp.postgresql",
        "NAME": info.get("dbname", "dmp"),
        "USER": info.get("user", ""),
        "PASSWORD": info.get("password", ""),
        "HOST": info.get("host", ""),
        "PORT": info.get("port", ""),
        # A thread keeps its connection: there are few threads, and taking one from a pool costs a query.
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            # Statements asked five times are prepared: planning the list took longer than answering it.
            "server_side_binding": True,
            "prepare_threshold": 5,
        },
        "ATOMIC_REQUESTS": False,  # True would roll back the trace of every refusal
    }


DATABASES = {
    "default": database(text("DMP_DATABASE_URL", "postgresql:///dmp")),
    # Wrapped data keys live apart, so that an ordinary backup cannot read the contents it holds.
    "keys": database(text("DMP_KEYS_DATABASE_URL", "postgresql:///dmp_keys")),
}
if name := text("DMP_TEST_DATABASE"):
    DATABASES["default"]["TEST"] = {"NAME": name}
    DATABASES["keys"]["TEST"] = {"NAME": f"{name}_keys"}
DATABASE_ROUTERS = ["documents.keys.KeysRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Redis: broker and short-lived counters; never a right, never the only copy of anything --------
REDIS_URL = text("DMP_REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": f"{REDIS_URL}?db=1" if REDIS_URL.startswith("unix:") else REDIS_URL,
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://")
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ALWAYS_EAGER = TESTING
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "Europe/Paris"
CELERY_BEAT_SYNC_EVERY = 1  # what ran is known at once: manage.py health reads it
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "send-notices": {"task": "patients.tasks.send_notices", "schedule": 30.0},
    "make-partitions": {"task": "audit.tasks.make_partitions", "schedule": crontab(hour=2, minute=10)},
    "seal-papers": {"task": "documents.tasks.seal_papers", "schedule": 60.0},
    "remind-requests": {"task": "access.tasks.remind_requests", "schedule": crontab(hour=7, minute=5)},
    "carry-out-requests": {"task": "archival.tasks.carry_out_requests", "schedule": crontab(minute="*/10")},
    "make-copies": {"task": "archival.tasks.make_copies", "schedule": 60.0},
    "print-envelopes": {"task": "archival.tasks.print_envelopes", "schedule": 15.0},
    "destroy-ended-copies": {"task": "archival.tasks.destroy_ended_copies", "schedule": crontab(minute="*/10")},
    "tell-who-came-of-age": {"task": "patients.tasks.tell_who_came_of_age", "schedule": crontab(hour=5, minute=10)},
    "signal-attestations": {"task": "access.tasks.signal_attestations", "schedule": crontab(minute=20)},
    "sweep-orphans": {"task": "documents.tasks.sweep_orphans", "schedule": crontab(hour=3, minute=10)},
    "read-the-insurer-s-files": {"task": "documents.tasks.feed_reimbursements", "schedule": 300.0},
    "destroy-what-is-due": {"task": "archival.tasks.destroy_what_is_due", "schedule": crontab(minute=50)},
    "sweep-what-is-left": {"task": "archival.tasks.sweep_what_is_left", "schedule": crontab(hour=3, minute=25)},
    "recount-statistics": {"task": "documents.tasks.recount_statistics", "schedule": crontab(hour=4, minute=40)},
    "forget-old-care-lines": {
        "task": "documents.tasks.forget_old_care_lines",
        "schedule": crontab(hour=4, minute=10),
    },
    "forget-what-ended": {"task": "patients.tasks.forget_what_ended", "schedule": crontab(hour=3, minute=45)},
    "forget-ended-sessions": {"task": "access.tasks.forget_ended_sessions", "schedule": crontab(hour=3, minute=40)},
}

# -- who signs in, and how ---------------------------------------------------------------------------
AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian would create an active account of that name
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_USER_OBJ_PERMS_MODEL = "guardian.UserObjectPermission"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "access.accounts.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "access.account_forms.SignIn",
    "reset_password": "access.account_forms.ForgottenPassword",
    "reset_password_from_key": "access.account_forms.NewPassword",
    "confirm_login_code": "access.account_forms.MailedCode",
}
MFA_FORMS = {"authenticate": "access.account_forms.ApplicationCode"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = False  # a mailed code alone would be one factor
ACCOUNT_LOGIN_BY_CODE_REQUIRED = {"password"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_RATE_LIMITS = {"manage_email": "5/h/user"}  # each sends two mails; the others are allauth's
MFA_ADAPTER = "allauth.mfa.adapter.DefaultMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Dossier médical partagé"

SESSION_ENGINE = "django.contrib.sessions.backends.db"  # not in Redis: a session outlives it
SESSION_COOKIE_NAME = "dmp_backoffice" if ROLE == "backoffice" else "dmp_portal"
SESSION_COOKIE_AGE = 15 * 60  # seconds without activity (rules.md section 9)
SESSION_LONGEST = 8 * 3600  # seconds from the sign-in, however busy; a professional's ends sooner
SESSION_SAVE_EVERY_REQUEST = True
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "dmp.pages.csrf_failure"

# -- professionals' interface -----------------------------------------------------------------------
PSC_ISSUER = text("DMP_PSC_ISSUER")
PSC_AUDIENCE = text("DMP_PSC_AUDIENCE")
PSC_JWKS = text("DMP_PSC_JWKS")
PSC_ALGORITHMS = words("DMP_PSC_ALGORITHMS", "RS256,PS256,ES256")
PSC_LEVELS = words("DMP_PSC_ACR", "eidas1")
# Web sign-in: without a client identifier there is none.
PSC_CLIENT_ID = text("DMP_PSC_CLIENT_ID")
PSC_CLIENT_SECRET = text("DMP_PSC_CLIENT_SECRET")
PSC_DISCOVERY = text("DMP_PSC_DISCOVERY") or f"{PSC_ISSUER}/.well-known/openid-configuration"
DEMO_ISSUER_DIR = text("DMP_DEMO_ISSUER_DIR")
# Files of authorities: whose certificates are persons' (CPS), whose are structures'. Empty: none is accepted.
CERTIFICATE_PERSONS = text("DMP_CERTIFICATE_PERSONS")
CERTIFICATE_STRUCTURES = text("DMP_CERTIFICATE_STRUCTURES")

# -- the counter: what a site plugs in (docs/counter.md); empty: the page does not offer it -----------------
INS_SERVICE = text("DMP_INS_SERVICE", "patients.insi.Demonstration" if DEMO else "")
CARD_READER = text("DMP_CARD_READER", "patients.vitale.FromFile" if DEMO else "")
CARD_FILE = text("DMP_CARD_FILE", str(BASE_DIR / "patients" / "demo" / "card.json"))
TEXT_MESSAGES = text("DMP_TEXT_MESSAGES", "patients.text_messages.ToFiles" if DEMO else "")
# Where sealed envelopes and the letters of who has no e-mail come out.
PRINTER = text("DMP_PRINTER", "patients.printing.ToFolder" if DEMO else "")
PRINTER_DIR = text("DMP_PRINTER_DIR", str(BASE_DIR / ".state" / "imprimante"))
PRINTER_QUEUES = text("DMP_PRINTER_QUEUES")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.certificates.CertificateAuthentication",
        "access.identity.BearerAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["access.identity.IsProfessional"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": None,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Dossier médical partagé : actes du DMP",
    "DESCRIPTION": "Ce que FHIR ne règle pas : ouvrir un dossier, recueillir l'autorisation, "
    "devenir médecin traitant, retrouver ses dépôts. Les documents passent par /fhir.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# -- deposits --------------------------------------------------------------------------------------------
MEDIA_ROOT = Path(text("DMP_MEDIA_ROOT", str(BASE_DIR / ".state" / "media")))
# Journals of destructions, one or several: outside MEDIA_ROOT and the databases, which backups bring back.
TOMBSTONES = [Path(one) for one in text("DMP_TOMBSTONES", str(BASE_DIR / ".state" / "tombstones")).split(":")]
MAX_DEPOSIT = int(text("DMP_MAX_DEPOSIT_MB", "25")) * 1024 * 1024  # bytes, decoded
DMP_CLAMD = text("DMP_CLAMD")
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_DEPOSIT * 4 // 3 + 1024 * 1024  # base64 plus the envelope
# Uploads stay in memory: nothing readable may touch the disk.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_DEPOSIT

# -- rules with a number (docs/decisions.md) -----------------------------------------------------------------
AUTHORISATION_DAYS = int(text("DMP_AUTHORISATION_DAYS", "365"))  # longest and default authorisation
# D9, article R1111-53: within two weeks, with days to spare for a mail that fails
WITHHELD_INVITATION_DAYS = int(text("DMP_WITHHELD_INVITATION_DAYS", "10"))
WITHHELD_MONTHS = int(text("DMP_WITHHELD_MONTHS", "1"))  # D9: shown by itself after one calendar month
AGE_OF_MAJORITY = int(text("DMP_AGE_OF_MAJORITY", "18"))  # D11
# D18: occupational medicine (TRE_R38); PMI, occupational health services (TRE_R02)
EXPRESS_SPECIALITIES = frozenset(words("DMP_EXPRESS_SPECIALITIES", "SM25,C41,CAPA11"))
EXPRESS_SECTORS = frozenset(words("DMP_EXPRESS_SECTORS", "SA15,SA66"))
BREAK_GLASS_HOURS = int(text("DMP_BREAK_GLASS_HOURS", "4"))
CLOCK_TRUST_DAYS = int(text("DMP_CLOCK_TRUST_DAYS", "3"))  # a longer silence is no more believed (patients.clocks)
CLOSING_BY_PROFESSIONALS = text("DMP_CLOSING_BY_PROFESSIONALS", "1") == "1"  # rules.md section 11, 17
CARE_LINE_MONTHS = int(text("DMP_CARE_LINE_MONTHS", "24"))  # rules.md section 11, 2: 24 months rather than 12
FEED_DIR = text("DMP_FEED_DIR")
METRICS_TOKEN = text("DMP_METRICS_TOKEN")
FEED_QUIET_SECONDS = 60  # a file written to less long ago may still be on its way
ATTESTATION_HOURS, ESCALATION_HOURS = 24, 72  # a broken glass is attested, else signalled to the operator
OPERATOR_EMAIL = text("DMP_OPERATOR_EMAIL")  # who is told; empty: the log and the command only
CONSENT_SECONDS = 120  # silence gives nothing

# -- mail -----------------------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = text("DMP_MAIL_FROM", "ne-pas-repondre@dmp.example.org")
if smtp := text("DMP_SMTP_URL"):
    _smtp = urlsplit(smtp)
    EMAIL_HOST = _smtp.hostname or "localhost"
    EMAIL_PORT = _smtp.port or 25
    EMAIL_HOST_USER = _smtp.username or ""
    EMAIL_HOST_PASSWORD = _smtp.password or ""
    EMAIL_USE_TLS = _smtp.scheme == "smtps"
    EMAIL_TIMEOUT = 10
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = text("DMP_MAIL_DIR", str(BASE_DIR / ".state" / "mail"))

# -- language and time -----------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français")]
TIME_ZONE = "Europe/Paris"
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

# -- static files ------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = text("DMP_STATIC_ROOT", str(BASE_DIR / "staticfiles"))
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # contents go through the vault
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# -- what a browser may do ----------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
if ROLE == "backoffice":
    # unfold's Alpine needs eval and inline styles; nothing medical is ever rendered in this process.
    CONTENT_SECURITY_POLICY["DIRECTIVES"] |= {
        "script-src": [SELF, "'unsafe-eval'", "'unsafe-inline'"],
        "style-src": [SELF, "'unsafe-inline'"],
    }
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if TLS:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

SIMPLE_HISTORY_DATE_INDEX = False
SIMPLE_HISTORY_REVERT_DISABLED = True  # the admin shows the past, it never puts it back
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "dmp.logs.Discreet", "format": "{asctime} {levelname} {name} {message}", "style": "{"},
        "json": {"()": "dmp.logs.AsJson", "format": "{message}", "style": "{"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": text("DMP_LOG_FORMAT", "line")}},
    "root": {"handlers": ["console"], "level": text("DMP_LOG_LEVEL", "INFO")},
    # Django's request logger writes paths and reprs: paths carry no identifier, exceptions may.
    "loggers": {"django.security.DisallowedHost": {"handlers": [], "propagate": False}},
}

UNFOLD = {
    "SITE_TITLE": "Guichet du dossier médical partagé",
    "SITE_HEADER": "Guichet DMP",
    "SITE_SYMBOL": "folder_shared",
    "SHOW_HISTORY": True,
    "STYLES": [lambda request: static("backoffice.css")],
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "238 243 248",
            "100": "220 231 241",
            "200": "185 206 226",
            "300": "141 175 206",
            "400": "86 134 177",
            "500": "47 100 150",
            "600": "27 75 122",
            "700": "22 64 105",
            "800": "18 54 90",
            "900": "14 43 72",
            "950": "9 28 48",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {
                        "title": "Trouver une personne",
                        "icon": "search",
                        "link": reverse_lazy("counter_find"),
                        "active": lambda request: (
                            not request.path.startswith(("/guichet/demandes/", "/admin/", "/exploitation/"))
                        ),
                    },
                    {"title": "Demandes", "icon": "inbox", "link": reverse_lazy("counter_requests")},
                    {
                        "title": "Santé du service",
                        "icon": "monitor_heart",
                        "link": reverse_lazy("well"),
                        "permission": "dmp.pages.operates",
                    },
                    {
                        "title": "Tables et comptes",
                        "icon": "tune",
                        "link": reverse_lazy("admin:index"),
                        "permission": "access.counter.administers",
                    },
                ]
            }
        ],
    },
}
