#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What sockets promise to programs, call by call.

usage: api.py serve PORT | api.py check ADDRESS PORT | api.py listen PORT ADDRESS HELPER

"serve" is the other end: it does what the first line of a connection says. "check" makes
connections to it. "listen" listens on PORT itself, as ADDRESS, and has the one that serves
at HELPER (ADDRESS:PORT) connect. Each check prints its name; the first that fails ends it.
"""
import array
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import termios
import threading
import time

SIOCOUTQ = 0x5411
TCP_INQ = 36
WAIT = 60


def line(sock):
    """One line, byte by byte, so that nothing after it is taken."""
    got = b''
    while not got.endswith(b'\n'):
        byte = sock.recv(1)
        if not byte:
            raise EOFError(got)
        got += byte
    return got.decode().split()


def drain(sock):
    total = 0
    while True:
        data = sock.recv(65536)
        if not data:
            return total
        total += len(data)


def serve_one(conn):
    """Commands: echo; send N; sink (answers with the count); hold; reset; wait SECONDS; dial A P"""
    with conn, contextlib.suppress(EOFError, ConnectionError):
        conn.settimeout(WAIT)
        while True:
            word, *args = line(conn)
            if word == 'echo':
                while data := conn.recv(65536):
                    conn.sendall(data)
                return
            if word == 'send':
                conn.sendall(b'd' * int(args[0]))
            elif word == 'sink':
                conn.sendall(b'%d\n' % drain(conn))
                return
            elif word == 'wait':
                time.sleep(float(args[0]))
            elif word == 'reset':
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                return
            elif word == 'close':
                return
            elif word == 'dial':
                with socket.create_connection((args[0], int(args[1])), timeout=WAIT) as out:
                    out.sendall(b'dialled\n')
                    conn.sendall(b'done\n')
                    serve_one(out)


def serve(port):
    with socket.create_server(('0.0.0.0', port), backlog=64) as server:
        print('listening', flush=True)
        while True:
            conn, _ = server.accept()
            threading.Thread(target=serve_one, args=(conn,), daemon=True).start()


class Checks:
    """Each method check_* is one; address is the other end that serves."""

    def __init__(self, address):
        self.address = address

    def connect(self, *commands):
        sock = socket.socket()
        sock.connect(self.address)
        for command in commands:
            sock.sendall(command.encode() + b'\n')
        return sock

    def fails(self, number, call, *args):
        try:
            result = call(*args)
        except OSError as error:
            assert error.errno == number, f'{error} instead of {errno.errorcode[number]}'
        else:
            raise AssertionError(f'{result!r} instead of {errno.errorcode[number]}')

    def readable(self, sock, seconds=WAIT):
        return bool(select.select([sock], [], [], seconds)[0])

    def check_names(self):
        with self.connect('echo') as sock:
            assert sock.getpeername() == self.address
            assert sock.getsockname()[1] > 0
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL) == socket.IPPROTO_TCP
            self.fails(errno.EISCONN, sock.connect, self.address)

    def check_bind_first(self):
        with socket.socket() as probe, socket.socket() as sock:
            probe.connect(self.address)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((probe.getsockname()[0], 0))
            name = sock.getsockname()
            sock.connect(self.address)
            assert sock.getsockname() == name

    def check_nonblocking_connect(self):
        with socket.socket() as sock:
            sock.setblocking(False)
            result = sock.connect_ex(self.address)
            assert result in (0, errno.EINPROGRESS), result
            assert select.select([], [sock], [], WAIT)[1]
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            # The first call after the handshake tells its result, the next the state.
            sock.connect(self.address)
            self.fails(errno.EISCONN, sock.connect, self.address)
            sock.send(b'echo\n')
            sock.send(b'x')
            assert self.readable(sock)
            assert sock.recv(10) == b'x'

    def check_refused(self):
        port = (self.address[0], 1)
        with socket.socket() as sock:
            self.fails(errno.ECONNREFUSED, sock.connect, port)
            # The same socket may try again.
            sock.connect(self.address)
        with socket.socket() as sock:
            sock.setblocking(False)
            assert sock.connect_ex(port) in (errno.EINPROGRESS, errno.ECONNREFUSED)
            poller = select.poll()
            poller.register(sock, select.POLLOUT)
            events = poller.poll(WAIT * 1000)[0][1]
            assert events & select.POLLHUP and events & select.POLLERR, events
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0

    def check_peek_and_waitall(self):
        with self.connect('send 10', 'wait 0.3', 'send 20000', 'close') as sock:
            assert sock.recv(4, socket.MSG_PEEK) == b'dddd'
            assert len(sock.recv(20010, socket.MSG_WAITALL)) == 20010
            assert sock.recv(1, socket.MSG_PEEK) == b''
            assert sock.recv(1) == b''

    def check_peek_offset(self):
        with self.connect('echo') as sock:
            sock.setsockopt(socket.SOL_SOCKET, 42, 2)
            sock.sendall(b'abcdef')
            while self.unread(sock) < 6:
                self.readable(sock)
            assert sock.recv(2, socket.MSG_PEEK) == b'cd'
            assert sock.recv(9, socket.MSG_PEEK) == b'ef'
            assert sock.recv(3) == b'abc'

    def unread(self, sock):
        value = array.array('i', [0])
        fcntl.ioctl(sock, termios.FIONREAD, value)
        return value[0]

    def check_queue_sizes(self):
        with self.connect('send 5000') as sock:
            end = time.monotonic() + WAIT
            while self.unread(sock) < 5000:
                assert time.monotonic() < end
                time.sleep(0.01)
            sock.recv(1000)
            assert self.unread(sock) == 4000
            value = array.array('i', [0])
            while True:
                fcntl.ioctl(sock, SIOCOUTQ, value)
                if not value[0]:
                    break
                assert time.monotonic() < end
                time.sleep(0.01)

    def check_inq(self):
        with self.connect('send 100') as sock:
            sock.setsockopt(socket.IPPROTO_TCP, TCP_INQ, 1)
            while self.unread(sock) < 100:
                time.sleep(0.01)
            data, control, _, _ = sock.recvmsg(40, socket.CMSG_SPACE(4))
            assert len(data) == 40 and control[0][:2] == (socket.IPPROTO_TCP, TCP_INQ)
            assert struct.unpack('i', control[0][2])[0] == 60

    def check_trunc(self):
        with self.connect('send 100', 'send 1', 'close') as sock:
            scratch = bytearray(100)
            done = 0
            while done < 100:
                done += sock.recv_into(scratch, 100 - done, socket.MSG_TRUNC)
            assert scratch == bytearray(100)
            assert sock.recv(10) == b'd'

    def check_receive_timeout(self):
        with self.connect('wait 2') as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 0, 200000))
            start = time.monotonic()
            self.fails(errno.EAGAIN, sock.recv, 1)
            assert time.monotonic() - start > 0.15
            self.fails(errno.EAGAIN, sock.recv, 1, socket.MSG_DONTWAIT)

    def check_lowat(self):
        with self.connect('send 100', 'wait 0.5', 'send 400', 'wait 5') as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 300)
            assert self.readable(sock)
            assert len(sock.recv(1000)) >= 300

    def check_lowat_large(self):
        """More than a receive ring has room for when the connection is new."""
        with self.connect('send 100', 'wait 1', 'send 30000', 'wait 1', 'send 30000', 'wait 5') as sock:
            assert len(sock.recv(100, socket.MSG_WAITALL)) == 100
            for _ in range(100):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 40000)
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 40000:
                    break
                time.sleep(0.02)
            else:
                assert False, 'the ring does not grow for SO_RCVLOWAT'
            assert self.readable(sock)
            assert self.unread(sock) >= 40000
            assert len(sock.recv(100000)) >= 40000

    def check_send_blocks(self):
        with self.connect('wait 1', 'sink') as sock:
            sock.setblocking(False)
            total = 0
            try:
                while total < 1 << 26:
                    total += sock.send(b's' * 65536)
            except BlockingIOError:
                pass
            assert 0 < total < 1 << 26, total
            poller = select.epoll()
            poller.register(sock, select.EPOLLOUT | select.EPOLLET)
            while total < 3000000:
                assert poller.poll(WAIT), 'no edge'
                try:
                    while total < 3000000:
                        total += sock.send(b's' * min(65536, 3000000 - total))
                except BlockingIOError:
                    pass
            sock.setblocking(True)
            sock.shutdown(socket.SHUT_WR)
            assert line(sock) == [str(total)]
            poller.close()

    def check_edge_in(self):
        with self.connect('echo') as sock:
            sock.setblocking(False)
            poller = select.epoll()
            poller.register(sock, select.EPOLLIN | select.EPOLLET | select.EPOLLRDHUP)
            for _ in range(50):
                sock.send(b'ping')
                got = 0
                while got < 4:
                    assert poller.poll(WAIT), 'no edge'
                    try:
                        while True:
                            got += len(sock.recv(2))
                    except BlockingIOError:
                        pass
            sock.shutdown(socket.SHUT_WR)
            while not any(e & select.EPOLLRDHUP for _, e in poller.poll(WAIT)):
                pass
            poller.close()

    def check_shutdown(self):
        with self.connect('sink') as sock:
            sock.sendall(b'x' * 1000)
            sock.shutdown(socket.SHUT_WR)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            self.fails(errno.EPIPE, sock.send, b'x')
            assert line(sock) == ['1000']
            assert sock.recv(1) == b''
        with self.connect('echo') as sock:
            sock.shutdown(socket.SHUT_RD)
            assert sock.recv(10) == b''
            sock.sendall(b'x')

    def check_reset(self):
        with self.connect('send 3', 'reset') as sock:
            poller = select.poll()
            poller.register(sock, select.POLLIN)
            while not poller.poll(WAIT * 1000)[0][1] & select.POLLERR:
                pass
            assert sock.recv(10) == b'ddd'
            self.fails(errno.ECONNRESET, sock.recv, 1)
            assert sock.recv(1) == b''
            self.fails(errno.EPIPE, sock.send, b'x')

    def check_reset_pending_error(self):
        with self.connect('reset') as sock:
            poller = select.poll()
            poller.register(sock, 0)
            assert poller.poll(WAIT * 1000)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET

    def check_disconnect(self):
        libc = ctypes.CDLL(None, use_errno=True)
        sock = self.connect('echo')
        unspec = struct.pack('=H14x', socket.AF_UNSPEC)
        assert libc.connect(sock.fileno(), unspec, len(unspec)) == 0
        self.fails(errno.ENOTCONN, sock.getpeername)
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        sock.connect(self.address)
        sock.sendall(b'echo\nagain')
        assert sock.recv(5, socket.MSG_WAITALL) == b'again'
        sock.close()

    def check_linger(self):
        with self.connect('sink') as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 10))
            sock.sendall(b'x' * 300000)

    def check_blocked_reader(self):
        """A reader that sleeps sees the end when another thread shuts down."""
        with self.connect('wait 5') as sock:
            got = []
            reader = threading.Thread(target=lambda: got.append(sock.recv(1)))
            reader.start()
            time.sleep(0.2)
            sock.shutdown(socket.SHUT_RDWR)
            reader.join(WAIT)
            assert got == [b''], got

    def check_sendfile(self):
        with tempfile.TemporaryFile() as file, self.connect('echo') as sock:
            data = os.urandom(400000)
            file.write(data)
            file.flush()
            sender = threading.Thread(target=lambda: (sock.sendfile(file, 0),
                                                      sock.shutdown(socket.SHUT_WR)))
            sender.start()
            got = b''
            while part := sock.recv(65536):
                got += part
            sender.join()
            assert got == data

    def check_splice(self):
        with self.connect('send 100000', 'close') as sock:
            readable, writable = os.pipe()
            total = 0
            while moved := os.splice(sock.fileno(), writable, 30000):
                total += moved
                while moved:
                    moved -= len(os.read(readable, moved))
            assert total == 100000, total

    def check_zerocopy(self):
        with self.connect('echo') as sock:
            sock.setsockopt(socket.SOL_SOCKET, 60, 1)
            sock.send(b'z' * 5000, 0x4000000)
            poller = select.poll()
            poller.register(sock, 0)
            assert poller.poll(WAIT * 1000)[0][1] & select.POLLERR
            _, control, flags, _ = sock.recvmsg(1, 100, socket.MSG_ERRQUEUE)
            assert flags & socket.MSG_ERRQUEUE and control
            assert len(sock.recv(5000, socket.MSG_WAITALL)) == 5000

    def check_oob_and_more(self):
        with self.connect('sink') as sock:
            sock.sendall(b'a' * 10, socket.MSG_MORE)
            sock.sendall(b'b' * 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            sock.sendall(b'c' * 10)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.shutdown(socket.SHUT_WR)
            assert line(sock) == ['30']

    def check_options(self):
        with self.connect('echo') as sock:
            for name, value in ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 5),
                                (socket.TCP_KEEPCNT, 3), (socket.TCP_USER_TIMEOUT, 20000)):
                sock.setsockopt(socket.IPPROTO_TCP, name, value)
                assert sock.getsockopt(socket.IPPROTO_TCP, name) == value
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            assert info[0] == 1, 'not established'
            sock.sendall(b'x')
            assert sock.recv(1) == b'x'

    def check_scatter(self):
        with self.connect('echo') as sock:
            parts = [os.urandom(n) for n in (0, 1, 7, 1448, 5000)]
            assert sock.sendmsg(parts) == sum(map(len, parts))
            buffers = [bytearray(n) for n in (3, 1, 0, 6452)]
            assert sock.recvmsg_into(buffers, 0, socket.MSG_WAITALL)[0] == 6456
            assert b''.join(buffers) == b''.join(parts)


class ListenChecks(Checks):
    """The same for connections that come in: a helper that serves is told to dial."""

    def __init__(self, helper, name):
        super().__init__(helper)
        self.server = socket.create_server(('0.0.0.0', name[1]), backlog=16)
        self.name = name

    def connect(self, *commands):
        with super().connect(f'dial {self.name[0]} {self.name[1]}') as control:
            self.server.settimeout(WAIT)
            sock, _ = self.server.accept()
            sock.settimeout(None)
            assert line(control) == ['done']
        assert line(sock) == ['dialled']
        for command in commands:
            sock.sendall(command.encode() + b'\n')
        return sock

    def check_names(self):
        with self.connect('echo') as sock:
            assert sock.getpeername()[0] == self.address[0]
            assert sock.getsockname() == self.name

    def check_accept(self):
        self.server.settimeout(None)
        self.server.setblocking(False)
        self.fails(errno.EAGAIN, self.server.accept)
        with Checks.connect(self, f'dial {self.name[0]} {self.name[1]}') as control:
            assert self.readable(self.server)
            sock, _ = self.server.accept()
            sock.close()
            control.recv(1)

    def check_unaccepted(self):
        """Who was not accepted when the listener closes is reset."""
        with socket.create_server(('0.0.0.0', self.name[1] + 1)) as server:
            control = Checks.connect(self, f'dial {self.name[0]} {self.name[1] + 1}')
            assert self.readable(server)
            assert line(control) == ['done']
        with socket.socket() as sock:
            self.fails(errno.ECONNREFUSED, sock.connect, (self.name[0], self.name[1] + 1))
        control.close()

    # Those that are about connect().
    check_bind_first = check_nonblocking_connect = check_refused = check_disconnect = None


def run(checks):
    only = sys.argv[5:] if sys.argv[1] == 'listen' else sys.argv[4:]
    for name in sorted(dir(checks)):
        method = getattr(checks, name) if name.startswith('check_') else None
        if not method or (only and name[6:] not in only):
            continue
        start = time.monotonic()
        print(name[6:], end=' ', flush=True)
        signal.alarm(2 * WAIT)
        method()
        print(f'ok {time.monotonic() - start:.2f}', flush=True)


def main():
    if sys.argv[1] == 'serve':
        serve(int(sys.argv[2]))
    elif sys.argv[1] == 'check':
        run(Checks((sys.argv[2], int(sys.argv[3]))))
    else:
        host, port = sys.argv[4].split(':')
        run(ListenChecks((host, int(port)), (sys.argv[3], int(sys.argv[2]))))


main()
