"""Serves the project on a port of 127.0.0.1 until the process ends.

Between the socket and Django stands as little as WSGI allows, and what it decides it
decides as gunicorn does: no header is folded, one with an underscore in its name is
dropped, the lines of one name are joined by commas, an absent Content-Type stays absent
(wsgiref's own server makes text/plain of it, and splits header lines at any byte that
str.splitlines takes for a line's end), and HEAD gets no body.
"""

import io
import socketserver
import threading
import urllib.parse

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections

application = get_wsgi_application()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode("latin-1")
        if not line:
            return
        method, target, version = line.rstrip("\r\n").split(" ")
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": urllib.parse.unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        while line := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            if "_" in name:
                continue
            key = name.upper().replace("-", "_")
            if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
                key = "HTTP_" + key
            value = value.strip(" \t")
            environ[key] = environ[key] + "," + value if key in environ else value
        # Django goes by Content-Length alone; what came in chunks is not left unread, as
        # the connection would be reset before the answer has arrived.
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", ""):
            while self.rfile.readline() not in (b"0\r\n", b""):
                pass
        length = environ.get("CONTENT_LENGTH", "")
        environ["wsgi.input"] = io.BytesIO(self.rfile.read(int(length)) if length.isdigit() else b"")
        head = []
        try:
            result = application(environ, lambda status, headers, exc_info=None: head.extend([status, headers]))
            body = b"".join(result)
            result.close()
        except Exception:
            # What Django lets out, the web server answers.
            close_old_connections()
            head, body = ["500 Internal Server Error", [("Content-Length", "0")]], b""
        status, headers = head
        # As wsgiref does, where Django leaves it out: of the redirects of CommonMiddleware.
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(body))))
        lines = [f"HTTP/1.1 {status}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += ["Connection: close", "", ""]
        self.wfile.write("\r\n".join(lines).encode("latin-1") + (b"" if method == "HEAD" else body))


class Server(socketserver.TCPServer):
    """Answers one request after another in one thread, whose connection to the database stays open."""

    request_queue_size = 64


def start():
    """Begins to serve and returns the port."""
    settings.DATABASES["default"]["CONN_MAX_AGE"] = None
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
