#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: wire.py LONG.pcap SHORT.pcap PLAIN.pcap

Compare captures of the same kind of traffic: every header in front of the data segments of one
must occur in the others, byte for byte. Not compared: IP identifications, checksums, lengths,
the UDP source port of tunnels, and of TCP what changes from segment to segment. Lengths and header
checksums have to be right; in PLAIN, of whole packets that no device had to finish, all checksums, and
none may be longer than a frame.
"""
import struct
import sys

VLAN = (0x8100, 0x88A8)
TUNNELS = {4789: "vxlan", 6081: "geneve"}
FRAME = 1514 + 2 * 4  # with two VLAN tags


class NotTcp(Exception):
    pass


def packets(name):
    """The packets of a capture: bytes that were kept, length on the wire."""
    with open(name, "rb") as f:
        head = f.read(24)
        assert head[:4] == b"\xd4\xc3\xb2\xa1", "%s: not a capture" % name
        while True:
            record = f.read(16)
            if len(record) < 16:
                return
            _, _, kept, length = struct.unpack("<IIII", record)
            yield f.read(kept), length


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


class Walk:
    """Reads one packet from the outside in; self.out is what is compared."""

    def __init__(self, data, length, plain):
        self.data, self.end, self.off, self.out = data, length, 0, []
        self.plain = plain
        self.addresses = b""  # of the innermost IP header so far
        self.check("length", not plain or length <= FRAME)

    def take(self, name, n, skip=()):
        """The next n bytes; those in skip, pairs of offset and length, are not compared."""
        part = bytearray(self.data[self.off:self.off + n])
        if len(part) < n:
            raise NotTcp
        whole = bytes(part)
        for off, size in skip:
            part[off:off + size] = bytes(size)
        self.off += n
        self.out.append("%s:%s" % (name, part.hex()))
        return whole

    def check(self, what, good):
        if not good:
            raise ValueError("%s is wrong: %s" % (what, self.data.hex()))

    def check_payload(self, what, start, protocol):
        """The checksum of what is in an IP packet; protocol 0: without a pseudo-header."""
        if not self.plain:
            return
        part = self.data[start:self.end]
        pseudo = self.addresses + struct.pack(">IHBB", len(part), 0, 0, protocol) if protocol else b""
        self.check(what + " checksum", checksum(pseudo + part) == 0)

    def ethernet(self):
        eth = self.take("eth", 14)
        proto = struct.unpack(">H", eth[12:])[0]
        while proto in VLAN:
            proto = struct.unpack(">H", self.take("vlan", 4)[2:])[0]
        return proto

    def ip(self, proto):
        start = self.off
        if proto == 0x0800:
            ip = self.take("ip", 20, ((2, 4), (10, 2)))
            length, following = struct.unpack(">H", ip[2:4])[0], ip[9]
            if ip[6] & 0x3F or ip[7]:  # a fragment: too long for a tunnel, whose MTU was not known yet
                raise NotTcp
            self.check("IP checksum", checksum(ip) == 0)
            self.addresses = ip[12:20]
        elif proto == 0x86DD:
            ip = self.take("ip6", 40, ((1, 5),))
            length, following = 40 + struct.unpack(">H", ip[4:6])[0], ip[6]
            self.addresses = ip[8:40]
            if following == 60:  # a tunnel encapsulation limit
                following = self.take("limit", 8)[0]
        else:
            raise NotTcp
        self.check("IP length", start + length == self.end)
        return following

    def udp(self):
        start = self.off
        udp = self.take("udp", 8, ((0, 2), (4, 4)))
        port, length, csum = struct.unpack(">2xHHH", udp)
        kind = TUNNELS.get(port)
        if not kind:
            raise NotTcp
        self.check("UDP length", start + length == self.end)
        self.out.append("csum" if csum else "no csum")
        if csum:
            self.check_payload("UDP", start, 17)
        if kind == "vxlan":
            self.take(kind, 8)
            return 0x6558
        options = (self.data[self.off] & 0x3F) * 4
        return struct.unpack(">H", self.take(kind, 8 + options)[2:4])[0]

    def gre(self):
        flags = struct.unpack(">H", self.data[self.off:self.off + 2])[0]
        if flags & 0x8000:
            self.check_payload("GRE", self.off, 0)
        size = 4 + sum(4 for bit in (0x8000, 0x2000, 0x1000) if flags & bit)
        gre = self.take("gre", size, ((4, 2),) if flags & 0x8000 else ())
        return struct.unpack(">H", gre[2:4])[0]

    def tcp(self):
        self.check_payload("TCP", self.off, 6)
        tcp = self.take("tcp", 20, ((0, 20),))
        flags, options = tcp[13], (tcp[12] >> 4) * 4 - 20
        if flags & 0x07 or options != 12:  # SYN, FIN, RST, more than timestamps: not these
            raise NotTcp
        self.take("opt", 12, ((4, 8),))
        self.out.append("data" if self.end > self.off else "no data")

    def stack(self):
        following = self.ip(self.ethernet())
        while following in (17, 47):
            proto = self.udp() if following == 17 else self.gre()
            if proto == 0x6558:
                proto = self.ethernet()
            following = self.ip(proto)
        if following != 6:
            raise NotTcp
        self.tcp()
        return " ".join(self.out)


def stacks(name, plain=False):
    seen = {}
    for data, length in packets(name):
        try:
            stack = Walk(data, length, plain).stack()
            seen[stack] = seen.get(stack, 0) + 1
        except NotTcp:
            pass
    return seen


def main():
    seen = [stacks(sys.argv[1]), stacks(sys.argv[2]), stacks(sys.argv[3], plain=True)]
    if not all(seen):
        sys.exit("nothing to compare")
    status = 0
    for stack in sorted(set().union(*seen)):
        counts = [one.get(stack, 0) for one in seen]
        if 0 in counts:
            print("%s: %d, %d, %d times" % (stack, *counts))
            status = 1
    print("%d kinds of headers, %d, %d and %d packets" %
          (len(seen[0]), *(sum(one.values()) for one in seen)))
    sys.exit(status)


if __name__ == "__main__":
    main()
