"""Settings. Everything that differs between installations comes from the environment; see docs/run-a-trial.md.

TRIALMGR_SECRET_KEY     Django's secret key (required)
TRIALMGR_LIST_KEY       32 bytes, URL-safe base64: seals the randomisation list
TRIALMGR_CONTACT_KEY    32 bytes, URL-safe base64: seals contact details
DATABASE_URL            default: SQLite in var/trialmgr.sqlite3; postgresql://user:password@host/name for PostgreSQL
ALLOWED_HOSTS           comma-separated
TRIALMGR_DEMO           1: rehearsed participants, banner on every page, second factor may be off
TRIALMGR_SECOND_FACTOR  0: sign in by password alone (demo only)
TRIALMGR_HTTPS          0: no TLS in front (demo only)
TRIALMGR_MAIL_HOST      the mail server for e-mails; more about it in docs/settings.md
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool) -> bool:
    return os.environ.get(name, "1" if default else "0") == "1"


def _database() -> dict[str, Any]:
    """Its address may hold a password, so a fault names the setting and never repeats what stands there."""
    address = os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'var' / 'trialmgr.sqlite3'}"
    try:
        found = dj_database_url.parse(address, conn_max_age=60, conn_health_checks=True)
    except ValueError:
        found = None
    if found is None or found["ENGINE"] not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
        raise ImproperlyConfigured(
            "DATABASE_URL is no address of SQLite (sqlite:////folder/file.sqlite3) or PostgreSQL "
            "(postgresql://user:password@host/name). Leave it out for SQLite in var/"
        )
    return dict(found)


TRIALMGR_DEMO = flag("TRIALMGR_DEMO", False)
TRIALMGR_SECOND_FACTOR = flag("TRIALMGR_SECOND_FACTOR", not TRIALMGR_DEMO)
TRIALMGR_LIST_KEY = os.environ.get("TRIALMGR_LIST_KEY", "")
TRIALMGR_CONTACT_KEY = os.environ.get("TRIALMGR_CONTACT_KEY", "")
TRIALMGR_STUDIES = BASE_DIR / "trialmgr" / "protocol" / "studies"
TRIALMGR_WORDING = os.environ.get("TRIALMGR_WORDING", "")
TRIALMGR_RELEASES = Path(os.environ.get("TRIALMGR_RELEASES", BASE_DIR / "var" / "releases"))
HTTPS = flag("TRIALMGR_HTTPS", not TRIALMGR_DEMO)

SECRET_KEY = os.environ.get("TRIALMGR_SECRET_KEY", "")
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "TRIALMGR_SECRET_KEY is not set. Make one with: openssl rand -base64 48. To look around first: make demo"
    )
DEBUG = False
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost").split(",")

INSTALLED_APPS = [
    "audit",
    "trialmgr.studies",
    "trialmgr.people",
    "trialmgr.participants",
    "crf",
    "randomization",
    "exports",
    "trialmgr.overview",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "audit.middleware.MeansMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "trialmgr.people.middleware.IdleTimeMiddleware",
    "trialmgr.people.middleware.OneRequestsLanguageMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "audit.middleware.OnceMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "trialmgr.people.middleware.SharedComputerMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "trialmgr.overview.refusals.ReadableMiddleware",
    "trialmgr.studies.middleware.OneVersionMiddleware",
    "trialmgr.people.middleware.ChosenLanguageMiddleware",
    "trialmgr.people.middleware.SecondFactorMiddleware",
    "trialmgr.overview.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "trialmgr.urls"
WSGI_APPLICATION = "trialmgr.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "trialmgr" / "overview" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "trialmgr.overview.context.surroundings",
            ],
        },
    },
]

DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock when a transaction begins: an allocation never fails half-way for a lock.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 60,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON",
    }

AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
# Length and a list of common passwords, no composition rules. Source: OWASP ASVS 5.0 V6.2.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview:home"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_ADAPTER = "trialmgr.people.adapter.ClosedDoorAdapter"
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60
ACCOUNT_RATE_LIMITS = {"login_failed": "5/15m/key,30/15m/ip", "reauthenticate": "10/m/user"}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "trialmgr"

SESSION_COOKIE_AGE = 30 * 60  # idle time; requests renew it, once a minute (IdleTimeMiddleware)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# E-mails (a code was broken, a list has no place left). Without a server none is sent; the work list tells the same.
EMAIL_HOST = os.environ.get("TRIALMGR_MAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'dummy'}.EmailBackend"
EMAIL_PORT = int(os.environ.get("TRIALMGR_MAIL_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("TRIALMGR_MAIL_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("TRIALMGR_MAIL_PASSWORD", "")
EMAIL_USE_TLS = flag("TRIALMGR_MAIL_TLS", True)
EMAIL_TIMEOUT = 5  # seconds: whoever breaks a code waits no longer for the mail
DEFAULT_FROM_EMAIL = os.environ.get("TRIALMGR_MAIL_FROM", "trialmgr@localhost")

# One cache for all application servers: rate limits must hold across them.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "trialmgr_cache"},
}

LANGUAGE_CODE = "nl"
LANGUAGES = [("nl", _("Dutch")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "trialmgr" / "locale"]
FORMAT_MODULE_PATH = "trialmgr.formats"
USE_I18N = True
TIME_ZONE = "Europe/Amsterdam"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_PARSER_CLASSES": ["trialmgr.people.json_bodies.StrictJsonParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "PAGE_SIZE": 100,
    "EXCEPTION_HANDLER": "trialmgr.overview.refusals.api_exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "trialmgr",
    "DESCRIPTION": "Randomisation, case report forms, audit trail and locked releases of one trial.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
