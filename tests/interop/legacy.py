"""Services behind the gate: one that takes and gives large bodies, one of events, one of WebSockets, one of gRPC."""

import hashlib
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler

import grpc
from recorder import Server
from websockets import ConnectionClosed
from websockets.sync.server import serve

BLOCK = bytes(range(256)) * 256


def blob(megabytes):
    """So many megabytes, in pieces; the same for everybody who asks."""
    return (BLOCK for _ in range(megabytes * 16))


def digest(pieces):
    sum_ = hashlib.sha256()
    for piece in pieces:
        sum_.update(piece)
    return sum_.hexdigest()


class Storage:
    """PUT answers the SHA-256 of what came, and how it was framed; GET /MEGABYTES gives so many, /chunked/… in chunks."""

    def __init__(self):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 64 * 1024

            def do_GET(self):
                chunked, megabytes = self.path.split("/")[1] == "chunked", int(self.path.rsplit("/", 1)[1])
                self.send_response(200)
                self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", megabytes << 20)))
                self.end_headers()
                for piece in blob(megabytes):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if chunked:
                    self.wfile.write(b"0\r\n\r\n")

            def do_PUT(self):
                length = self.headers.get("Content-Length")
                pieces = self.chunks() if length is None else self.counted(int(length))
                body = f"{digest(pieces)} {'chunked' if length is None else length}".encode()
                self.send_response(200)
                self.send_header("Content-Length", len(body))
                self.end_headers()
                self.wfile.write(body)

            def counted(self, left):
                while left:
                    piece = self.rfile.read1(min(left, 64 * 1024))
                    assert piece, "the body broke off"
                    left -= len(piece)
                    yield piece

            def chunks(self):
                assert self.headers["Transfer-Encoding"] == "chunked"
                while size := int(self.rfile.readline(), 16):
                    yield from self.counted(size)
                    assert self.rfile.readline() == b"\r\n"
                assert self.rfile.readline() == b"\r\n"

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Events:
    """Server-sent events, each once the last one was heard; a client that comes back is told what it has not heard yet."""

    WORDS = ("one", "two\nlines", "\u2713")

    def __init__(self):
        self.heard = threading.Semaphore(0)
        events = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Cache-Control", "no-store")
                self.send_header("Connection", "close")
                self.end_headers()
                for number in range(int(self.headers.get("Last-Event-ID", 0)), len(events.WORDS)):
                    data = "".join(f"data: {line}\n" for line in events.WORDS[number].split("\n"))
                    self.wfile.write(f"id: {number + 1}\nevent: word\n{data}\n".encode())
                    assert events.heard.acquire(timeout=60)

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class Echo:
    """WebSockets that say back what they hear; "close CODE REASON" closes, "who" tells the user that the gate named."""

    def __init__(self):
        self.closed = []
        self._server = serve(self._talk, "127.0.0.1", 0, max_size=4 << 20, compression=None, open_timeout=60, close_timeout=60, ping_timeout=None)
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _talk(self, socket):
        try:
            self._answer(socket)
        except ConnectionClosed:
            pass  # with another code than 1000 and 1001
        self.closed.append((socket.close_code, socket.close_reason))

    def _answer(self, socket):
        for message in socket:
            if message == "who":
                message = socket.request.headers.get("X-User", "nobody")
            elif isinstance(message, str) and message.startswith("close "):
                _, code, reason = message.split(" ", 2)
                socket.close(int(code), reason)
                continue
            socket.send(message)

    def stop(self):
        self._server.shutdown()


class Greeter:
    """A gRPC service whose messages are bare bytes: all four kinds of call, statuses and trailers."""

    def __init__(self):
        methods = {
            "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "ServerStream": grpc.unary_stream_rpc_method_handler(self.server_stream),
            "ClientStream": grpc.stream_unary_rpc_method_handler(self.client_stream),
            "Chat": grpc.stream_stream_rpc_method_handler(self.chat),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
        }
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Greeter", methods)])
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{self.port}"
        self.cancelled = threading.Event()
        self._server.start()

    def unary(self, request, context):
        named = dict(context.invocation_metadata()).get("x-user", "nobody")
        context.set_trailing_metadata([("x-served", "yes")])
        return request + b" for " + named.encode()

    def server_stream(self, request, context):
        context.add_callback(self.cancelled.set)
        for number in range(int(request)):
            yield b"%d" % number

    def client_stream(self, requests, context):
        return b"%d" % sum(len(request) for request in requests)

    def chat(self, requests, context):
        for request in requests:
            yield request.upper()

    def fail(self, request, context):
        context.set_trailing_metadata([("x-served", "no")])
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more of that: 100 % \u2713")

    def stop(self):
        self._server.stop(None).wait(5)
