"""The production settings with throw-away secrets, and what measuring needs."""

import os
import tempfile
from base64 import urlsafe_b64encode
from pathlib import Path

from django.core.management.utils import get_random_secret_key

# Fixed keys, so that what one test process seals another can open; they guard nothing.
os.environ["TRIALMGR_LIST_KEY"] = urlsafe_b64encode(b"list key of the tests, 32 bytes.").decode()
os.environ["TRIALMGR_CONTACT_KEY"] = urlsafe_b64encode(b"contact key of tests, 32 bytes..").decode()
os.environ.setdefault("TRIALMGR_SECRET_KEY", get_random_secret_key())
os.environ["TRIALMGR_DEMO"] = "0"
os.environ["TRIALMGR_HTTPS"] = "0"
# Most tests sign in without a second factor; those about it switch it on.
os.environ["TRIALMGR_SECOND_FACTOR"] = "0"

from trialmgr.settings import *  # noqa: F403  the settings read the environment set above
from trialmgr.settings import DATABASES, STORAGES, TEMPLATES

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in production, so that threads and other processes can open it too; one for each test process.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"trialmgr-test-{os.getpid()}.sqlite3")}
else:
    DATABASES["default"]["TEST"] = {"NAME": f"trialmgr_test_{os.getpid()}"}

# Lets coverage see which lines of a template were rendered.
TEMPLATES[0]["OPTIONS"]["debug"] = True

# Static files are served as they stand; collecting them belongs to an installation.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True

# Argon2 is slow by design; the tests sign in thousands of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Said above: the tests switch the second factor off, which no live installation may.
SILENCED_SYSTEM_CHECKS = ["trialmgr.E001"]
