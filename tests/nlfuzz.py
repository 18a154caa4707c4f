# SPDX-License-Identifier: GPL-2.0
"""
usage: nlfuzz.py SPEC SECONDS [SEED]

Send random and mutated requests to the netlink family that SPEC describes: attributes that are
truncated, of the wrong type, nested where they must not be, missing, twice; wrong lengths,
commands and headers; with and without CAP_NET_ADMIN. What is refused must have changed nothing.
Ports named fz0 to fz3 are made and deleted on the way, and are gone in the end.
"""

import errno
import os
import random
import socket
import struct
import sys
import time

import yaml

NETLINK_GENERIC = 16
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE = 1, 2, 3
F_REQUEST, F_ACK, F_DUMP = 1, 4, 0x300
GENL_ID_CTRL, CTRL_CMD_GETFAMILY = 16, 3
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 1, 2
NLA_F_NESTED, NLA_F_NET_BYTEORDER = 0x8000, 0x4000

# What changes by itself. The rest of what a dump says is the state that must stay.
VOLATILE = {
    "port": {"busy-ns", "slow-ns", "flows", "work", "throttled-ns", "throttled", "turns", "yields",
             "delay", "attached", "running", "device-status", "features", "core"},
    "core": {"busy-ns", "poll-ns", "idle-ns", "turns", "wakeups", "ports"},
    "listener": {"pending"},
    "policy": {"matched", "refused", "source-refused"},
    "policy-rule": {"matched", "refused"},
}
NAMES = ["fz0", "fz1", "fz2", "fz3", "p1", "p2", "br0", "nope", "", "a/b", "x" * 15, "x" * 16,
         "x" * 300, "\xff\xfe"]


class Spec:
    """Attributes and operations by number."""

    def __init__(self, path):
        spec = yaml.safe_load(open(path))
        self.sets = {}
        for s in spec["attribute-sets"]:
            self.sets[s["name"]] = dict(enumerate(s["attributes"], 1))
        self.ops = {}
        for number, op in enumerate(spec["operations"]["list"], 1):
            self.ops[op["name"]] = dict(op, number=number)

    def requests(self):
        """[operation, is a dump, names of the attributes that it takes]"""
        return [(op, how == "dump", (op[how].get("request") or {}).get("attributes", []))
                for op in self.ops.values() for how in ("do", "dump") if how in op]


def align(data):
    return data + bytes(-len(data) % 4)


def attr(number, payload, flags=0):
    return align(struct.pack("HH", 4 + len(payload), number | flags) + payload)


def message(kind, flags, seq, body):
    return struct.pack("IHHII", 16 + len(body), kind, flags, seq, 0) + body


def messages(data):
    while len(data) >= 16:
        length, kind, flags, seq, _ = struct.unpack_from("IHHII", data)
        yield kind, flags, seq, data[16:length]
        data = data[(length + 3) & ~3:]


def attributes(data):
    while len(data) >= 4:
        length, number = struct.unpack_from("HH", data)
        if length < 4 or length > len(data):
            return
        yield number & 0x3fff, data[4:length]
        data = data[(length + 3) & ~3:]


class Socket:
    def __init__(self):
        self.s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.s.bind((0, 0))
        self.s.settimeout(30)
        self.seq = 0

    def close(self):
        self.s.close()

    def send(self, data):
        self.s.send(data)

    def results(self, data):
        """Sends DATA and what is answered for sure; returns {seq: error} of the answers before."""
        self.seq += 1
        self.s.send(data)
        self.s.send(message(NLMSG_NOOP, F_REQUEST | F_ACK, 0xffffffff, b""))
        got = {}
        while True:
            for kind, _, seq, body in messages(self.s.recv(65536)):
                if kind != NLMSG_ERROR:
                    continue
                if seq == 0xffffffff:
                    return got
                got[seq] = struct.unpack_from("i", body)[0]

    def dump(self, family, cmd, body=b""):
        """Bodies of the messages of a dump."""
        self.seq += 1
        self.s.send(message(family, F_REQUEST | F_DUMP, self.seq, struct.pack("BBH", cmd, 1, 0) + body))
        out = []
        while True:
            for kind, _, seq, body in messages(self.s.recv(65536)):
                if seq != self.seq:
                    continue
                if kind == NLMSG_DONE:
                    return out
                if kind == NLMSG_ERROR:
                    sys.exit(f"dump {cmd}: {struct.unpack_from('i', body)[0]}")
                out.append(body[4:])


def family_id():
    s = Socket()
    body = struct.pack("BBH", CTRL_CMD_GETFAMILY, 1, 0) + attr(CTRL_ATTR_FAMILY_NAME, b"virtuoso\0")
    s.send(message(GENL_ID_CTRL, F_REQUEST, 1, body))
    for _, _, _, body in messages(s.s.recv(65536)):
        for number, payload in attributes(body[4:]):
            if number == CTRL_ATTR_FAMILY_ID:
                return struct.unpack("H", payload)[0]
    sys.exit("there is no family virtuoso")


class Fuzzer:
    def __init__(self, spec, seed):
        self.spec = spec
        self.family = family_id()
        self.r = random.Random(seed)
        self.requests = spec.requests()
        self.wild = True
        self.sent = self.refused = self.accepted = 0

    # --- the state

    def stable(self, name, data):
        """The attributes of DATA, of set NAME, that do not change by themselves."""
        out = []
        for number, payload in attributes(data):
            a = self.spec.sets[name].get(number, {"name": str(number)})
            if a["name"] in VOLATILE.get(name, ()):
                continue
            if a.get("type") == "nest":
                payload = self.stable(a["nested-attributes"], payload)
            out.append((a["name"], payload))
        return out

    def state(self):
        s = Socket()
        out = []
        for name in ("port-get", "core-get", "cores-get", "policy-get", "listener-get"):
            op = self.spec.ops.get(name)
            if op and "dump" in op:
                out.append((name, [self.stable(op["attribute-set"], m)
                                   for m in s.dump(self.family, op["number"])]))
        s.close()
        return out

    # --- requests

    def payload(self, a, depth=0):
        """A value for attribute A that may be right."""
        r = self.r
        kind = a["type"]
        if kind == "string":
            if a["name"] in ("name", "port"):
                name = r.choice(NAMES[:4] if r.random() < .7 else NAMES)
            else:
                name = r.choice(["0", "0-1", "99", "1-", "", "x" * 300])
            return name.encode("latin1") + (b"" if r.random() < .05 else b"\0")
        if kind == "flag":
            return b""
        if kind == "nest":
            return self.body(a["nested-attributes"], None, depth + 1)
        if kind in ("u8", "u16", "u32", "u64", "uint", "s32"):
            size = {"u8": 1, "u16": 2, "u32": 4, "s32": 4}.get(kind, r.choice([4, 8]))
            value = r.choice([0, 1, 2, 3, 5, 100, 900, 1000, 1500, r.getrandbits(10), r.getrandbits(31),
                              2 ** 31, 2 ** 32 - 1, 2 ** 64 - 1])
            return (value % (1 << 8 * size)).to_bytes(size, sys.byteorder)
        size = a.get("checks", {}).get("exact-len", 16)
        if size == 16 and r.random() < .3:
            return bytes(10) + b"\xff\xff\x0a\x07\0" + bytes([r.randrange(256)])
        return r.choice([bytes(size), r.randbytes(size), b"\x52" + r.randbytes(size - 1)])

    def attr(self, number, a, depth):
        r = self.r
        data = self.payload(a, depth)
        flags = NLA_F_NESTED if a["type"] == "nest" else 0
        how = r.random() if self.wild else 1
        if how < .06:
            data = data[:r.randrange(len(data) + 1)]
        elif how < .09:
            data += r.randbytes(r.randrange(1, 9))
        elif how < .11:
            data = r.randbytes(r.randrange(40))
        elif how < .12:
            data = attr(r.randrange(1, 9), data)
            flags ^= NLA_F_NESTED
        elif how < .14:
            flags ^= r.choice([NLA_F_NESTED, NLA_F_NET_BYTEORDER])
        out = attr(number, data, flags)
        if self.wild and r.random() < .03:
            # A length that does not fit.
            out = struct.pack("H", r.choice([0, 1, 3, 4, 5, len(out) + 1, len(out) + 4, 65535])) + out[2:]
        return out

    def body(self, name, wanted, depth=0):
        """Attributes of set NAME, most of those WANTED (None: any)."""
        r = self.r
        known = self.spec.sets[name]
        numbers = [n for n, a in known.items() if a["type"] != "unused" and
                   (wanted is None or a["name"] in wanted)]
        out = []
        if not self.wild:
            return b"".join(self.attr(n, known[n], depth) for n in numbers if depth < 4 and (
                known[n]["name"] in ("name", "port", "type", "index") or r.random() < .2))
        for n in numbers:
            required = known[n]["name"] in ("name", "port", "type", "index")
            if depth < 4 and r.random() < (.95 if required else .3):
                out += [self.attr(n, known[n], depth)] * (2 if r.random() < .02 else 1)
        if r.random() < .1 and depth < 4:
            n = r.choice(list(known))
            a = known[n] if known[n]["type"] != "unused" else {"name": "", "type": "binary"}
            out.append(self.attr(n, a, depth))
        if r.random() < .03:
            out.append(attr(r.choice([0, 60, 200, 0x3fff]), r.randbytes(r.randrange(20))))
        if r.random() < .1:
            r.shuffle(out)
        return b"".join(out)

    def request(self, seq):
        """A request, is it a dump."""
        r = self.r
        self.wild = r.random() < .7
        op, dump, wanted = r.choice(self.requests)
        cmd, version = op["number"], 1
        body = self.body(op["attribute-set"], wanted)
        if op["name"] in ("port-del", "policy-set") and (b"p1" in body or b"p2" in body):
            body = b""
        if op["name"] == "cores-set":
            # Never accepted: the set of cores would change by itself from then on.
            body += attr(60, b"")
        flags = F_REQUEST | (F_DUMP if dump else F_ACK)
        how = r.random() if self.wild else 1
        if how < .03:
            cmd = r.randrange(256)
        elif how < .05:
            version = r.randrange(256)
        elif how < .07:
            flags ^= 1 << r.randrange(16)
        elif how < .09:
            body = r.randbytes(r.randrange(200))
        elif how < .11:
            body = body[:r.randrange(len(body) + 1)]
        out = message(self.family, flags, seq, struct.pack("BBH", cmd, version, 0) + body)
        if not self.wild:
            return out, dump
        if r.random() < .02:
            out = out[:r.randrange(len(out) + 1)]
        if r.random() < .02:
            out = struct.pack("I", r.choice([0, 15, 16, 17, 20, len(out) + 4, 65535])) + out[4:]
        if r.random() < .03 and len(out) > 24:
            at = r.randrange(16, len(out))
            out = out[:at] + bytes([out[at] ^ 1 << r.randrange(8)]) + out[at + 1:]
        return out, bool(flags & F_DUMP)

    def dump(self, data):
        """A dump that may not be read to its end."""
        s = Socket()
        if data:
            s.send(data)
            s.s.settimeout(.05)
            try:
                for _ in range(self.r.randrange(4)):
                    s.s.recv(self.r.choice([20, 4096, 65536]))
            except OSError:
                pass
        s.close()

    def round(self, before, nr=16):
        """NR requests; returns the state after them."""
        s = Socket()
        batch, accepted = [], 0
        for seq in range(1, nr + 1):
            data, dump = self.request(seq)
            batch.append(data)
            self.sent += 1
            if dump:
                self.dump(data)
                continue
            got = s.results(data) if data else {}
            self.refused += sum(e != 0 for e in got.values())
            # What has no answer asked for none, or was no message: no telling.
            accepted += not got or any(e == 0 for e in got.values())
        s.close()
        after = self.state()
        if not accepted and after != before:
            complain("a refused request changed something", batch, before, after)
        self.accepted += accepted
        return after

    def clean_up(self):
        op = self.spec.ops["port-del"]["number"]
        s = Socket()
        for i in range(4):
            s.results(message(self.family, F_REQUEST | F_ACK, 1, struct.pack("BBH", op, 1, 0) +
                              attr(1, b"fz%d\0" % i)))
        s.close()


def complain(text, batch, before, after):
    print(text)
    for data in batch:
        print("  sent", data.hex())
    for (name, old), (_, new) in zip(before, after):
        for o in old:
            if o not in new:
                print(f"- {name} {o}")
        for n in new:
            if n not in old:
                print(f"+ {name} {n}")
    sys.exit(1)


def unprivileged(fuzzer, end):
    """Nothing that it sends may have any effect, and what needs the privilege is refused as such."""
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    denied = 0
    while time.monotonic() < end:
        s = Socket()
        for seq in range(1, 200):
            data, dump = fuzzer.request(seq)
            if dump:
                fuzzer.dump(data)
            elif data:
                denied += sum(e == -errno.EPERM for e in s.results(data).values())
        s.close()
    sys.exit(0 if denied else 3)


def readers(fuzzer, end):
    """Dumps while ports come and go."""
    while time.monotonic() < end:
        fuzzer.state()
        op, dump, _ = fuzzer.r.choice(fuzzer.requests)
        if dump:
            fuzzer.dump(message(fuzzer.family, F_REQUEST | F_DUMP, 1,
                                struct.pack("BBH", op["number"], 1, 0)))
    sys.exit(0)


def beside(function, spec, seed, end):
    pid = os.fork()
    if not pid:
        function(Fuzzer(spec, seed), end)
    return pid


def main():
    spec, seconds = Spec(sys.argv[1]), float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    fuzzer = Fuzzer(spec, seed)
    first = fuzzer.state()

    # Without the privilege, alone: whatever it does, the state stays.
    end = time.monotonic() + seconds / 4
    pid = beside(unprivileged, spec, seed + 1, end)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status or fuzzer.state() != first:
        complain(f"without privileges: status {status}", [], first, fuzzer.state())

    end = time.monotonic() + seconds * 3 / 4
    pid = beside(readers, spec, seed + 2, end)
    state = first
    while time.monotonic() < end:
        state = fuzzer.round(state)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        sys.exit(f"the reader ended with status {status}")
    fuzzer.clean_up()
    print(f"{fuzzer.sent} sent, {fuzzer.refused} refused, {fuzzer.accepted} accepted")
    if not fuzzer.refused or not fuzzer.accepted:
        sys.exit("the requests were all of one kind")


main()
