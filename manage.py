#!/usr/bin/env python
import os
import sys
from pathlib import Path

from trialmgr import demo_environment


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trialmgr.settings")
    if demo_environment.is_wanted(sys.argv):
        demo_environment.enter(Path(__file__).resolve().parent)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as fault:  # a wrong setting is said in a line, not by a traceback
        sys.exit(f"{fault}")


if __name__ == "__main__":
    main()
