import os

from django.core.checks import ERROR, run_checks
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trialmgr.settings")
application = get_wsgi_application()

# An application server asks no check by itself; an unsafe installation must not serve.
_faults = [message for message in run_checks() if message.level >= ERROR and not message.is_silenced()]
if _faults:
    raise SystemExit("\n".join(str(fault) for fault in _faults))
