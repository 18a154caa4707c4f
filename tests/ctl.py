# SPDX-License-Identifier: GPL-2.0
"""
usage: ctl.py YNL-DIRECTORY SPEC

Drive the netlink family with the kernel's own YNL client: what virtuosoctl does not send.
There are the ports p1 and p2, of type container; both are as before when it ends.
"""

import sys

sys.path.append(sys.argv[1])
from lib import NlError, YnlFamily  # noqa: E402

ynl = YnlFamily(sys.argv[2], "")


def check(got, want):
    if got != want:
        sys.exit(f"got {got!r} instead of {want!r}")


def refused(text, op, **attrs):
    """A request that must fail; TEXT is what the kernel says, "" if anything will do."""
    before = state()
    try:
        ynl.do(op, attrs)
    except NlError as err:
        if text not in str(err):
            sys.exit(f"{op} {attrs}: {err} instead of {text}")
    else:
        sys.exit(f"{op} {attrs} was not refused")
    check(state(), before)


def state():
    ports = ynl.dump("port-get", {})
    cores = ynl.dump("core-get", {})
    return [
        [(p["name"], p["index"], p["max-flows"]) for p in ports],
        [(c["index"], c["poll-us"]) for c in cores],
    ]


def test_ports():
    check([(p["name"], p["type"]) for p in ynl.dump("port-get", {})],
          [("p1", "container"), ("p2", "container")])
    port = ynl.do("port-new", {"name": "y", "type": "vm", "max-flows": 9})
    check((port["name"], port["type"], port["max-flows"], port["flows"]), ("y", "vm", 9, 0))
    check(len(str(port["uuid"])), 36)
    ynl.do("port-set", {"name": "y", "max-flows": 10})
    check(ynl.do("port-get", {"name": "y"})["max-flows"], 10)
    ynl.do("port-del", {"name": "y"})
    refused("no port named y", "port-get", name="y")


def test_reading():
    check(ynl.do("core-get", {"index": 0})["index"], 0)
    stats = ynl.do("stats-get", {"port": "p1", "explain": True})
    check(stats["port"], "p1")
    names = [c["name"] for c in stats["counter"]]
    check(len(set(names)), len(names))
    if not all(c["doc"] for c in stats["counter"]):
        sys.exit("a counter is not explained")
    every = ynl.dump("stats-get", {})
    check([s["port"] for s in every], ["p1", "p2"])
    check([[c["name"] for c in s["counter"]] for s in every], [names, names])
    check([s["port"] for s in ynl.dump("stats-get", {"port": "p2"})], ["p2"])
    check(ynl.dump("flow-get", {"port": "p2", "state": "listen"}), [])


def test_refused():
    refused("nothing to change", "port-set", name="p1")
    refused("nothing to change", "core-set", index=0)
    refused("name of the port is missing", "port-del")
    refused("name of the port is missing", "port-set", **{"max-flows": 5})
    refused("name of the port is missing", "port-new", type="vm")
    refused("type of the port is missing", "port-new", name="z")
    refused("index of the core is missing", "core-set", **{"poll-us": 1})
    refused("out of range", "core-set", index=0, **{"poll-us": 10001})
    refused("out of range", "port-new", name="z", type=3)
    # What a request has no use for is refused, not ignored.
    refused("", "port-set", name="p1", **{"max-flows": 5, "mtu": 1400})
    refused("", "port-del", name="p1", index=1)


test_ports()
test_reading()
test_refused()
