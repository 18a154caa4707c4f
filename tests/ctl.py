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
        [(p["name"], p["index"], p["max-flows"], p["weight"], p["guarantee-permille"],
          p["limit-permille"], p["burst-us"]) for p in ports],
        [(c["index"], c["poll-us"], c["piece-bytes"], c["turn-us"], c["order"]) for c in cores],
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


def test_uuid():
    """A port of type vm can have a given UUID, but none twice."""
    uuid = bytes(range(16))
    new = {"type": "vm", "uuid": uuid.hex()}
    port = ynl.do("port-new", {"name": "y", **new})
    check(str(port["uuid"]).replace("-", ""), uuid.hex())
    refused("with this UUID exists", "port-new", name="z", **new)
    refused("type vm has a UUID", "port-new", name="z", type="container", uuid=uuid.hex())
    ynl.do("port-del", {"name": "y"})


def test_filters():
    check([p["name"] for p in ynl.dump("port-get", {"name": "p2"})], ["p2"])
    check([p["name"] for p in ynl.dump("port-get", {"type": "vm"})], [])
    check([p["name"] for p in ynl.dump("port-get", {"type": "container", "running": True})],
          ["p1", "p2"])
    check(ynl.dump("listener-get", {"port": "p2"}), [])


def test_budget():
    """What a request names changes, the rest stays; a request that fails changes nothing."""
    ynl.do("port-set", {"name": "p1", "weight": 7, "guarantee-permille": 100, "burst-us": 50})
    ynl.do("port-set", {"name": "p1", "limit-permille": 200})
    port = ynl.do("port-get", {"name": "p1"})
    check([port[k] for k in ("weight", "guarantee-permille", "limit-permille", "burst-us")],
          [7, 100, 200, 50])
    check(len(port["delay"]), 20)
    check(port["work"][0]["name"], "rx")
    refused("below the guarantee", "port-set", name="p1", weight=9, **{"limit-permille": 50})
    ynl.do("port-set", {"name": "p1", "weight": 100, "guarantee-permille": 0, "limit-permille": 0,
                        "burst-us": 0})
    ynl.do("core-set", {"index": 0, "order": "fifo"})
    check(ynl.do("core-get", {"index": 0})["order"], "fifo")
    ynl.do("core-set", {"index": 0, "order": "fair"})


def test_events():
    listener = YnlFamily(sys.argv[2], "")
    listener.ntf_subscribe("ports")
    ynl.do("port-set", {"name": "p1", "max-flows": 16384})
    ynl.do("port-set", {"name": "p2", "max-flows": 16384})
    listener.check_ntf()
    check([(e["name"], e["msg"]["name"]) for e in listener.async_msg_queue],
          [("port-changed", "p1"), ("port-changed", "p2")])


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
    refused("named by port, laddr", "flow-get", port="p1", lport=80)
    refused("no such flow", "flow-get", port="p1", laddr=bytes(16), raddr=bytes(16), lport=80,
            rport=81)


test_ports()
test_uuid()
test_filters()
test_budget()
test_reading()
test_refused()
test_events()
