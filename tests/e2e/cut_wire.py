#!/usr/bin/env python3
"""A wire to PORT on loopback that is cut, for good, after BYTES bytes of answers; 0: never.

  cut_wire.py LISTEN PORT BYTES
"""
import os
import socket
import sys
import threading

listen, port, left = (int(word) for word in sys.argv[1:])
ends = left > 0
lock = threading.Lock()


def pass_on(source, sink, counts):
    global left
    while piece := source.recv(65536):
        if counts:
            with lock:
                piece, left = piece[:left], left - len(piece)
                sink.sendall(piece)
                if left <= 0:
                    os._exit(0)
        else:
            sink.sendall(piece)
    sink.shutdown(socket.SHUT_WR)


def carry(client):
    server = socket.create_connection(("127.0.0.1", port))
    for source, sink, counts in ((client, server, False), (server, client, ends)):
        threading.Thread(target=pass_on, args=(source, sink, counts), daemon=True).start()


threading.excepthook = lambda _: None  # either side may leave when it likes
with socket.create_server(("127.0.0.1", listen)) as door:
    while True:
        carry(door.accept()[0])
