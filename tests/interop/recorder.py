"""An upstream that remembers every request and answers with what it got, as JSON."""

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Seen:
    """A request as the upstream got it."""

    method: str
    target: str
    headers: list
    body: str

    def values(self, name):
        """Every value of a header, in any spelling that a legacy service might take for it."""
        return [value for spelling, value in self.headers if _folded(spelling) == _folded(name)]


def _folded(name):
    return "".join(c if c.isalnum() else "-" for c in name.lower())


class Server(ThreadingHTTPServer):
    """Takes a crowd at once: with the usual queue of five the kernel drops who comes sixth, and they try again seconds later."""

    request_queue_size = 1024
    daemon_threads = True


class Recorder:
    def __init__(self):
        self.requests = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen = Seen(self.command, self.path, list(self.headers.items()), body.decode("latin-1"))
                recorder.requests.append(seen)
                echo = json.dumps(vars(seen)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(echo)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(echo)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
