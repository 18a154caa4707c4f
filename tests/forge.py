#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: forge.py DEVICE CAPTURE KIND...

Send by DEVICE the last TCP segment that it sent according to CAPTURE (in VXLAN over IPv4), once for each KIND:
  true      as it was
  bare      without the tunnel
  vni       in another network
  source    from another tunnel end
  mac       from another neighbour
  inner     from another Ethernet address inside
  ttl       with another TTL inside
  geneve    in another kind of tunnel
  fragment  the tunnel's packet says that more of it follows
"""
import socket
import struct
import sys

from wire import checksum, packets

OUTER_IP, UDP, VXLAN, INNER = 14, 34, 42, 50


def fix(frame, off):
    frame[off + 10:off + 12] = bytes(2)
    frame[off + 10:off + 12] = struct.pack(">H", checksum(bytes(frame[off:off + 20])))


def forge(frame, kind):
    frame = bytearray(frame)
    if kind == "bare":
        return frame[INNER:]
    if kind == "vni":
        frame[VXLAN + 6] ^= 1
    elif kind == "source":
        frame[OUTER_IP + 15] ^= 0x40
        fix(frame, OUTER_IP)
    elif kind == "mac":
        frame[11] ^= 1
    elif kind == "inner":
        frame[INNER + 11] ^= 1
    elif kind == "ttl":
        frame[INNER + 14 + 8] -= 1
        fix(frame, INNER + 14)
    elif kind == "geneve":
        frame[UDP + 2:UDP + 4] = struct.pack(">H", 6081)
        frame[VXLAN:VXLAN + 4] = bytes((0, 0, 0x65, 0x58))
    elif kind == "fragment":
        frame[OUTER_IP + 6] |= 0x20
        fix(frame, OUTER_IP)
    return frame


def main():
    device, capture, kinds = sys.argv[1], sys.argv[2], sys.argv[3:]
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind((device, 0))
    own = link.getsockname()[4]
    last = None
    for data, length in packets(capture):
        if (len(data) == length and data[6:12] == own and data[12:14] == b"\x08\x00" and
                data[OUTER_IP + 9] == 17 and data[UDP + 2:UDP + 4] == b"\x12\xb5" and
                data[INNER + 14 + 9] == 6 and not data[INNER + 34 + 13] & 7):
            last = data
    if last is None:
        sys.exit("no such segment in %s" % capture)
    for kind in kinds:
        link.send(bytes(forge(last, kind)))
    print("%d sent" % len(kinds))


main()
