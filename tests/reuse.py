#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A socket whose connection fails, and which is used for another one: says "connected", waits for
ECONNRESET, says "reset", and connects to itself by the loopback, where the first SYN is lost, so that
it needs the timers of a native socket. Says "again" when data has gone both ways.

usage: reuse.py ADDRESS PORT"""

import ctypes
import errno
import select
import socket
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)


def disconnect(sock):
    """connect(AF_UNSPEC), which Python has no words for."""
    if libc.connect(sock.fileno(), bytes(16), 16):
        raise OSError(ctypes.get_errno(), 'disconnect')


def reconnect(sock, address):
    netem = ['dev', 'lo', 'root', 'netem', 'loss', '100%']
    subprocess.run(['tc', 'qdisc', 'add', *netem], check=True)
    sock.setblocking(False)
    assert sock.connect_ex(address) == errno.EINPROGRESS
    assert not select.select([], [sock], [], 0.2)[1]
    subprocess.run(['tc', 'qdisc', 'del', *netem], check=True)
    assert select.select([], [sock], [], 20)[1], 'no SYN is sent again'
    sock.setblocking(True)
    sock.settimeout(20)


def main():
    sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    print('connected', flush=True)
    try:
        sock.recv(1)
        sys.exit('the connection has ended')
    except ConnectionResetError:
        print('reset', flush=True)

    listener = socket.create_server(('127.0.0.1', 0))
    disconnect(sock)
    reconnect(sock, listener.getsockname())
    other, _ = listener.accept()
    for a, b in (sock, other), (other, sock):
        a.sendall(b'x')
        assert b.recv(2) == b'x'
    print('again', flush=True)


main()
