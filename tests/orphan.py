#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that live longer than their sockets.

usage: orphan.py serve PORT | orphan.py leave ADDRESS PORT KIND [COUNT] | orphan.py use ADDRESS PORT

"serve" does what the first byte of a connection says: 'h' holds it and reads nothing, 'e' reads to
the end and closes then, 'b' says one byte and closes first. "leave" makes connections, closes
them and prints their port numbers: KIND full (the peer holds, its window and the ring are full of data),
half (the peer holds; nothing is in flight), done (the peer closes after us). "use" makes a
connection that the peer closes first.
"""
import socket
import sys
import threading

WAIT = 60


def serve_one(conn, held):
    conn.settimeout(None)
    kind = conn.recv(1)
    if kind == b'h':
        held.append(conn)
    elif kind == b'e':
        while conn.recv(65536):
            pass
        conn.close()
    else:
        conn.sendall(b'.')
        conn.close()


def serve(port):
    held = []
    server = socket.create_server(('0.0.0.0', port), backlog=64)
    print('listening', flush=True)
    while True:
        conn, _ = server.accept()
        threading.Thread(target=serve_one, args=(conn, held), daemon=True).start()


def leave(address, kind):
    sock = socket.create_connection(address, timeout=WAIT)
    sock.sendall(b'e' if kind == 'done' else b'h')
    if kind == 'full':
        sock.settimeout(1)
        try:
            while True:
                sock.send(b'x' * 65536)
        except TimeoutError:
            pass
    print(sock.getsockname()[1], flush=True)
    sock.close()


def use(address):
    with socket.create_connection(address, timeout=WAIT) as sock:
        sock.sendall(b'b')
        assert sock.recv(2) == b'.', 'data'
        assert sock.recv(1) == b'', 'end'


def main(what, *args):
    if what == 'serve':
        serve(int(args[0]))
    address = (args[0], int(args[1]))
    if what == 'leave':
        for _ in range(int(args[3]) if len(args) > 3 else 1):
            leave(address, args[2])
    else:
        use(address)


main(*sys.argv[1:])
