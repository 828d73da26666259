#!/usr/bin/env python3
"""Files over HTTP on loopback for tests/e2e/registry.sh: ETags, ranges, and the ways in which a real server fails.

    file_server.py DIRECTORY PORT_FILE LOG

DIRECTORY/.fault, read for each request of a package, says how it fails:
    cut N      the connection breaks after N bytes of the body, once
    slow       a kilobyte every 50 ms
    plain      ranges are ignored
    status N   an answer of that status and nothing else
"""
import hashlib
import http.server
import os
import socket
import struct
import sys
import time

root, port_file, log = sys.argv[1:4]


class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, status):
        with open(log, "a") as out:
            out.write(f"{self.path} {status} {self.headers.get('Range', '-')}\n")

    def head(self, status, size, etag=None):
        self.note(status)
        self.send_response(status)
        self.send_header("Content-Length", str(size))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()

    def fault(self):
        path = os.path.join(root, ".fault")
        if not self.path.endswith(".gz") or not os.path.exists(path):
            return [""]
        with open(path) as words:
            fault = words.read().split()
        if fault[0] == "cut":
            os.remove(path)
        return fault

    def do_GET(self):
        path = os.path.join(root, self.path.lstrip("/"))
        if not os.path.isfile(path):
            return self.head(404, 0)
        with open(path, "rb") as file:
            body = file.read()
        etag = '"' + hashlib.sha256(body).hexdigest() + '"'
        if self.headers.get("If-None-Match") == etag:
            return self.head(304, 0, etag)
        fault = self.fault()
        if fault[0] == "status":
            return self.head(int(fault[1]), 0)
        begin, status = 0, 200
        if self.headers.get("Range", "").startswith("bytes=") and fault[0] != "plain":
            begin = int(self.headers["Range"][6:].split("-")[0])
            status = 206
            if begin >= len(body):
                return self.head(416, 0)
        body = body[begin:]
        self.head(status, len(body), etag)
        if fault[0] == "cut":
            self.wfile.write(body[: int(fault[1])])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            time.sleep(0.2)
            self.connection.close()
            self.close_connection = True
            return None
        for at in range(0, len(body), 1024):
            self.wfile.write(body[at : at + 1024])
            if fault[0] == "slow":
                self.wfile.flush()
                time.sleep(0.05)
        return None

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
server.handle_error = lambda *_: None
with open(port_file + ".new", "w") as out:
    out.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
