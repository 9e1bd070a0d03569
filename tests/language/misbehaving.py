"""A local server that speaks OpenAI's protocol and plays every fault on demand, one part of a script per request.

A part is a function of the server's handler; what the script does not cover is answered well.
"""

import contextlib
import json
import socket
import struct
import threading
import time
import zlib
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

MODEL = "tiny/model"


def well_behaved(prompt):
    """What the server writes about a prompt: as of a greedy model, always the same, and different from others."""
    return f"topic {zlib.crc32(prompt.encode()):08x}, tea, cakes"


def completion(content):
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": content}}],
    }


def ok(handler):
    handler.reply(completion(well_behaved(handler.prompt)))


def says(content):
    """Any content, null included."""
    return lambda handler: handler.reply(completion(content))


def sends(body, status=200, kind="application/json", **headers):
    """Any body: bytes as they are, anything else as JSON."""
    return lambda handler: handler.reply(body, status, kind, headers)


def page(status):
    """The error page of a proxy in between."""
    return sends(b"<html>\n<body><h1>Bad\x00 Gateway</h1>\n</body></html>", status, "text/html")


def busy(pause):
    return sends({"error": {"message": "slow down"}}, 429, **{"Retry-After": pause})


def failing(status):
    return sends({"error": {"message": "out of memory"}}, status)


def truncated(handler):
    handler.reply(json.dumps(completion("tea")).encode()[:-9])


def echoes_the_key(status):
    """A refusal that repeats what it was sent."""
    return lambda handler: handler.reply(
        {"error": {"message": f"bad credentials\n{handler.headers['Authorization']}"}}, status
    )


def unknown_model(handler):
    handler.reply({"error": {"message": f"The model {handler.asked['model']!r} does not exist."}}, 404)


def slow(seconds):
    def play(handler):
        handler.server.ended.wait(seconds)
        ok(handler)

    return play


def drips(handler):
    """A byte every 20 ms, for ever."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.ended.wait(0.02):
        handler.wfile.write(b" ")


def drips_headers(handler):
    while not handler.server.ended.wait(0.02):
        handler.wfile.write(b"H")
        handler.wfile.flush()


def floods(status):
    """As many bytes as it gets rid of, for ever."""

    def play(handler):
        handler.send_response(status)
        handler.end_headers()
        while not handler.server.ended.is_set():
            handler.wfile.write(b"x" * 65_536)
            handler.server.flooded += 65_536

    return play


def resets(handler):
    """Breaks off in the middle of a response."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices"')
    handler.wfile.flush()
    hang_up(handler.connection)
    handler.close_connection = True


def meets(barrier):
    """Answers only once as many requests are under way as the barrier counts."""

    def play(handler):
        barrier.wait(10)
        ok(handler)

    return play


def hang_up(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Request(NamedTuple):
    asked: dict  # the body
    headers: Message


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"
    under_way = False

    def do_POST(self):
        self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.prompt = self.asked["messages"][-1]["content"]
        with self.server.lock:
            self.server.requests.append(Request(self.asked, self.headers))
            self.server.under_way += 1
            self.under_way = True
            self.server.most_at_once = max(self.server.most_at_once, self.server.under_way)
            part = self.server.script.pop(0) if self.server.script else self.server.then
        try:
            part(self)
        except OSError:
            self.close_connection = True  # whoever asked has left
        finally:
            self.leave()

    def do_GET(self):
        if self.path.endswith("/models") and self.server.models is not None:
            self.reply({"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]})
        else:
            self.reply({"error": "not found"}, 404)

    def reply(self, body, status=200, kind="application/json", headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        # Before the body leaves, because the next request may come right after it.
        self.leave()
        self.wfile.write(data)

    def leave(self):
        with self.server.lock:
            self.server.under_way -= self.under_way
            self.under_way = False

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    """Use as a context manager.

    Attributes:
        requests: All requests so far.
        most_at_once: The largest number of requests under way together.
        flooded: Bytes that a flood got rid of.
    """

    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(self, *script, then=ok, models=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.then, self.models = list(script), then, models
        self.requests, self.under_way, self.most_at_once, self.flooded = [], 0, 0, 0
        self.lock, self.ended, self._connections = threading.Lock(), threading.Event(), []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.kill()

    def get_request(self):
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def handle_error(self, *_):
        pass  # connections that break are what this is for

    def wait_for(self, n, seconds=20.0):
        """Wait until n requests have come."""
        end = time.monotonic() + seconds
        while len(self.requests) < n:
            assert time.monotonic() < end, f"only {len(self.requests)} requests came"
            time.sleep(0.01)

    def kill(self):
        """End at once, as a killed process does: every connection is cut, and the port is closed."""
        if self.ended.is_set():
            return
        self.ended.set()
        self.shutdown()
        self.server_close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                hang_up(connection)
