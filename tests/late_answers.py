"""A way to the service on which the deletion of some vaults is late: one of the orders that nobody chooses is made to happen."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import Self


class LateAnswers:
    """Passes every call on; deletions of some vaults wait until they are let go, 25 seconds at most."""

    def __init__(self, service_url: str, *vault_ids: str) -> None:
        self._let_go = threading.Event()
        place = urlsplit(service_url).netloc
        let_go = self._let_go

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                whole = self.path.encode() + body
                if self.headers.get("x-acs-action") == "DeleteVault" and any(
                    one.encode() in whole for one in vault_ids
                ):
                    let_go.wait(25)
                there = http.client.HTTPConnection(place, timeout=60)
                there.request(self.command, self.path, body, dict(self.headers.items()))
                answer = there.getresponse()
                said = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)
                there.close()

            do_GET = do_POST = _pass_on  # noqa: N815 - names of http.server

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def let_go(self) -> None:
        """Let the late deletions happen."""
        self._let_go.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
