#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Connections that live longer than their sockets.

usage: orphan.py serve PORT | orphan.py leave ADDRESS PORT KIND | orphan.py use ADDRESS PORT COUNT

"serve" does what the first byte of a connection says: 'h' holds it and reads nothing, 'e' reads to
the end and closes then, 'b' says one byte and closes first. SIGUSR1 has it read those that it holds
to their ends, and say how each one ended. "leave" makes a connection, closes it and prints its port
and the bytes written: KIND full (the peer holds, its window and the ring are full of data), half
(the peer holds; nothing is in flight), done (the peer closes after us). "use" makes so many
connections that the peer closes first, each one when the port of the one before is free again.
"""
import errno
import signal
import socket
import sys
import threading
import time

WAIT = 60
held = []


def read_all(conn):
    count = 0
    while data := conn.recv(65536):
        count += len(data)
    return count


def serve_one(conn, port):
    conn.settimeout(None)
    kind = conn.recv(1)
    if kind == b'h':
        held.append((conn, port))
        return
    if kind == b'e':
        read_all(conn)
    else:
        conn.sendall(b'.')
    conn.close()


def read_held(_signal, _frame):
    while held:
        conn, port = held.pop()
        with conn:
            try:
                print(port, 'read', 1 + read_all(conn), flush=True)
            except ConnectionResetError:
                print(port, 'reset', flush=True)


def serve(port):
    signal.signal(signal.SIGUSR1, read_held)
    server = socket.create_server(('0.0.0.0', port), backlog=64)
    print('listening', flush=True)
    while True:
        conn, (_, peer_port) = server.accept()
        threading.Thread(target=serve_one, args=(conn, peer_port), daemon=True).start()


def leave(address, kind):
    sock = socket.create_connection(address, timeout=WAIT)
    sock.sendall(b'e' if kind == 'done' else b'h')
    count = 1
    if kind == 'full':
        sock.settimeout(1)
        try:
            while True:
                count += sock.send(b'x' * 65536)
        except TimeoutError:
            pass
    print(sock.getsockname()[1], count, flush=True)
    sock.close()


def connect(address, give_up):
    while True:
        try:
            return socket.create_connection(address, timeout=WAIT)
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL or time.monotonic() > give_up:
                raise
        time.sleep(0.05)


def use(address, count):
    for i in range(count):
        with connect(address, time.monotonic() + WAIT if i else 0) as sock:
            sock.sendall(b'b')
            assert sock.recv(2) == b'.', 'data'
            assert sock.recv(1) == b'', 'end'


def main(what, *args):
    if what == 'serve':
        serve(int(args[0]))
    address = (args[0], int(args[1]))
    if what == 'leave':
        leave(address, args[2])
    else:
        use(address, int(args[2]))


main(*sys.argv[1:])
