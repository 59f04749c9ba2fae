"""A plain HTTP client and a real server for it, so that what is measured is what a browser waits for."""

from __future__ import annotations

import contextlib
import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlencode

from tests.installation import Installation
from tests.loaded import ROOT


@dataclass(frozen=True)
class Browser:
    port: int
    session: str

    def get(self, path: str) -> str:
        return self._ask("GET", path, None)

    def post(self, path: str, page: str, values: dict[str, str]) -> str:
        """Send the form that ``page`` holds, with its own hidden boxes."""
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
        return self._ask("POST", path, urlencode(hidden | values))

    def _ask(self, method: str, path: str, body: str | None) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        token = "a" * 32
        headers = {"Cookie": f"sessionid={self.session}; csrftoken={token}", "X-CSRFToken": token}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status in ({200} if method == "GET" else {200, 302, 303}), (
            method,
            path,
            answer.status,
            re.findall(r"tm-error[^>]*>(.{0,300})", text, re.S)[:4],
        )
        return text


@contextlib.contextmanager
def served(site: Installation) -> Iterator[int]:
    """The port of a gunicorn with one worker, as an installation runs it."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "trialmgr.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"]
    server = subprocess.Popen(command, cwd=ROOT, env=site.environment)
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    """Until a server answers there. Raises TimeoutError."""
    for _attempt in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"no server on port {port}")


def seconds(samples: list[float]) -> float:
    """The middle of the samples: one slow moment of the machine does not count."""
    return median(samples)
