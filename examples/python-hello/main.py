"""A small HTTP server: says hello, and stops when it is told to."""
import http.server
import os
import platform
import signal
import sys

GREETING = os.environ.get("GREETING", "Hello from Python")


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{GREETING} ({platform.python_version()})\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = http.server.ThreadingHTTPServer(("", 8080), Hello)
print("listening on :8080")
server.serve_forever()
