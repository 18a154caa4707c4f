#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Results of the benchmark: reads build/bench/SETUP/CASE/, writes table, JSON and a chart.

usage: report.py DIRECTORY            what was measured: table to standard output, results.json, chart.svg
       report.py rst DIRECTORY        the table as reStructuredText, beside what is aimed at
       report.py profile CASE-DIR [N] where instructions went: the N functions with most of them

What each figure means: Documentation/bench.rst.
"""
import bisect
import json
import os
import statistics
import sys

LEVELS = ("host_user", "host_kernel", "guest_user", "guest_kernel")
# The peer, and the scripts of the benchmark itself.
PEER = ("rpc-peer", "peer-receive", "peer-send")
HARNESS = ("machine", "guest-machine", "cat", "bash", "?")
CASES = ("rpc1", "rpc64", "rpc1000", "crr", "out", "in", "g2g-rpc1", "g2g-rpc64", "g2g-crr", "g2g-out")
BULK_BYTES = 65536
# What the core does to know whose time it was, by function; reading the clock; whom it serves next.
METERING = ("vho_fp_did", "vho_fp_meter", "vho_fp_meter_one", "vho_fp_meter_all", "vho_worker_cpu_ns",
            "vho_budget_charge", "vho_budget_count", "vho_budget_count_turn", "vho_budget_count_yield",
            "vho_budget_take_drops", "vho_sched_average", "vho_sched_charge")
CLOCK = ("ktime_get", "read_tsc")
ORDER = "vho_sched_"


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def is_peer(task):
    """receive/rpc-peer is the machine's: the peer's process was only what the softirq hit."""
    return task.split("/")[0] in PEER


def is_counted(task):
    return not is_peer(task) and task.split("/")[0] not in HARNESS


# ---- one case

def marks(text):
    """The plugin's file: [(id, vmruns, {task: [instructions by level]})]."""
    found = []
    for line in text.splitlines():
        word = line.split()
        if word[0] == "mark":
            found.append((int(word[1]), int(word[3]), {}))
        elif word[0] == "task" and found:
            found[-1][2][word[1]] = [int(n) for n in word[2:6]]
    return found


def difference(after, before):
    return {task: [a - b for a, b in zip(n, before.get(task, (0, 0, 0, 0)))] for task, n in after.items()}


def client_pairs(case_dir):
    """(interrupts, result) whichever of them the client says first."""
    text = [json.loads(x) for x in read(case_dir + "/rpc.log").splitlines() if x.startswith("{")]
    counts = [x["interrupts"] for x in text if "interrupts" in x]
    results = [x for x in text if "interrupts" not in x]
    return list(zip(counts, results))


def core_change(case_dir):
    before, after = read(case_dir + "/core.before"), read(case_dir + "/core.after")
    if not before or not after:
        return {}
    keys = ("busy_ns", "poll_ns", "turns")
    return {k: sum(c.get(k, 0) for c in json.loads(after)) - sum(c.get(k, 0) for c in json.loads(before))
            for k in keys}


def kvm_change(case_dir):
    def counters(which):
        return {k: int(v) for k, v in (x.split() for x in read(f"{case_dir}/kvm.{which}").splitlines())}
    before, after = counters("before"), counters("after")
    return {k: after[k] - before.get(k, 0) for k in after}


def operations(result):
    return result["requests"] if "requests" in result else result["bytes"] / BULK_BYTES


def idle_share(core):
    """Of what the core's thread executed: polling that found nothing."""
    total = core.get("busy_ns", 0) + core.get("poll_ns", 0)
    return core["poll_ns"] / total if total else 0


def measured(case_dir):
    """One dict per round, per operation."""
    seen = marks(read(case_dir + "/insn"))
    pairs = [(a, b) for a, b in zip(seen, seen[1:]) if a[0] == 1 and b[0] == 2]
    core = core_change(case_dir)
    idle = idle_share(core)
    rounds = []
    for (interrupts, result), (begin, end) in zip(client_pairs(case_dir), pairs):
        n = operations(result)
        tasks = difference(end[2], begin[2])
        counted = {t: v for t, v in tasks.items() if is_counted(t)}
        polling = sum(sum(v) for t, v in tasks.items() if "vho_core" in t) * idle
        row = {level: sum(v[i] for v in counted.values()) / n for i, level in enumerate(LEVELS)}
        row["host_kernel"] -= polling / n
        row["instructions"] = sum(row.values())
        row["idle"] = polling / n
        row["peer"] = sum(sum(v) for t, v in tasks.items() if is_peer(t)) / n
        row["exits"] = (end[1] - begin[1]) / n
        row["interrupts"] = interrupts / n
        for q in ("p50_us", "p99_us", "p999_us"):
            if q in result:
                row[q] = result[q]
        row["tasks"] = {t: round(sum(v) / n) for t, v in counted.items() if sum(v) / n >= 50}
        rounds.append(row)
    return rounds


def summary(rounds):
    """name: (median, least, most) over rounds."""
    found = {}
    for name in rounds[0]:
        if name != "tasks":
            values = [r[name] for r in rounds if name in r]
            found[name] = (statistics.median(values), min(values), max(values))
    return found


# ---- profile

def symbols(text):
    found = []
    for line in text.splitlines():
        word = line.split()
        if word[1] in "tTwW":
            found.append((int(word[0], 16), word[2] + (" " + word[3] if len(word) > 3 else "")))
    found.sort()
    return [a for a, _ in found], [n for _, n in found]


def name_at(table_, addr):
    i = bisect.bisect_right(table_[0], addr) - 1
    return table_[1][i] if i >= 0 else hex(addr)


def costs(case_dir):
    """{(level, task, function): instructions per operation}, of a case that was run with -p."""
    host = symbols(read(case_dir + "/kallsyms"))
    guest = symbols(read(case_dir + "/kallsyms.guest"))
    total = sum(operations(r) for _, r in client_pairs(case_dir))
    cost = {}
    for line in read(case_dir + "/profile").splitlines():
        _, task, level, addr, n = line.split()
        if not is_counted(task):
            continue
        if level in "02":
            place = "(user)"
        else:
            place = name_at(host if level == "1" else guest, int(addr, 16))
        key = (LEVELS[int(level)], task, place)
        cost[key] = cost.get(key, 0) + int(n) / total
    return cost


def profile(case_dir, count):
    for (level, task, place), n in sorted(costs(case_dir).items(), key=lambda x: -x[1])[:count]:
        print(f"{n:9.0f} {level:<12} {task:<22} {place}")


def metering(case_dir):
    """Instructions per operation in the core's thread: metering, its clock (at most), order of service."""
    found = {"metering": 0, "clock": 0, "order": 0}
    for (level, task, place), n in costs(case_dir).items():
        name = place.split()[0].split(".")[0]
        if level != "host_kernel" or not task.startswith("vho_core"):
            continue
        if name in METERING:
            found["metering"] += n
        elif name in CLOCK:
            found["clock"] += n
        elif name.startswith(ORDER):
            found["order"] += n
    return found


# ---- all

def collect(top):
    found = {}
    for setup in sorted(os.listdir(top)):
        for case in CASES:
            rounds = measured(f"{top}/{setup}/{case}") if os.path.isdir(f"{top}/{setup}/{case}") else []
            if rounds:
                found.setdefault(case, {})[setup] = {
                    "rounds": rounds, "summary": summary(rounds), "kvm": kvm_change(f"{top}/{setup}/{case}"),
                    "tasks": {t: statistics.median(r["tasks"].get(t, 0) for r in rounds)
                              for t in rounds[0]["tasks"]}}
                if "vho_core" in " ".join(rounds[0]["tasks"]) and os.path.exists(f"{top}/{setup}/{case}/kallsyms"):
                    found[case][setup]["metering"] = metering(f"{top}/{setup}/{case}")
    return found


def ratio(of, to):
    """Median ratio, and the least and most that the rounds allow."""
    a, b = of["summary"]["instructions"], to["summary"]["instructions"]
    return (a[0] / b[0], a[1] / b[2], a[2] / b[1])


def base_of(setup, kind):
    net = "-vxlan" if setup.endswith("-vxlan") else ""
    return kind + net


def ratios(row):
    found = {}
    for setup in row:
        if not setup.startswith(("container", "vm")):
            continue
        for kind, letter in (("layered", "L"), ("native", "N")):
            if base_of(setup, kind) in row:
                found[f"{setup}/{letter}"] = ratio(row[setup], row[base_of(setup, kind)])
    return found


def table(results):
    head = (f"{'case':<10} {'setup':<17} {'insn/op':>9} {'min':>9} {'max':>9} {'h.user':>7} {'h.kern':>8} {'g.user':>7}"
            f" {'g.kern':>8} {'idle':>8} {'exits':>6} {'irqs':>6} {'p50':>8} {'p99':>8} {'p99.9':>8}  V/L  V/N")
    yield head
    for case in CASES:
        row = results.get(case, {})
        quotients = ratios(row)
        for setup in sorted(row, key=lambda s: (s.endswith("-vxlan"), s)):
            s = row[setup]["summary"]
            line = f"{case:<10} {setup:<17} " + " ".join(f"{x:9.0f}" for x in s["instructions"])
            line += " " + " ".join(f"{s[k][0]:{w}.0f}" for k, w in zip(LEVELS, (7, 8, 7, 8)))
            line += f" {s['idle'][0]:8.0f} {s['exits'][0]:6.2f} {s['interrupts'][0]:6.2f}"
            for q in ("p50_us", "p99_us", "p999_us"):
                line += f" {s[q][0]:8.1f}" if q in s else f" {'-':>8}"
            for letter in "LN":
                q = quotients.get(f"{setup}/{letter}")
                line += f" {q[0]:.2f}" if q else "    -"
            yield line


def metering_lines(results):
    """What metering takes of each case that was profiled."""
    for case, row in results.items():
        for setup, one in row.items():
            if "metering" not in one:
                continue
            total, m = one["summary"]["instructions"][0], one["metering"]
            yield (f"{setup}:{case}: metering {m['metering']:.0f} ({m['metering'] / total:.1%}), with every look at the"
                   f" clock {m['metering'] + m['clock']:.0f} ({(m['metering'] + m['clock']) / total:.1%});"
                   f" order of service {m['order']:.0f} ({m['order'] / total:.1%})")


# What is aimed at: ratio to the layered set-up by case, with a tunnel, and to none by set-up; exits per request.
TARGET_L = {"rpc64": 0.6, "crr": 1.0, "out": 0.6, "in": 0.6, "g2g-rpc64": 0.4, "g2g-out": 0.4, "g2g-crr": 0.4}
TARGET_L_VXLAN = {"rpc64": 0.5}
TARGET_N = {"container": 1.07, "vm": 1.5}
TARGET_EXITS = {"rpc64": 0.2}


def rst_row(case, setup, one, quotients):
    s = one["summary"]
    vm, net = setup.startswith("vm"), setup.endswith("-vxlan")
    row = [case, setup] + [f"{x:,.0f}" for x in s["instructions"]] + [f"{s['idle'][0]:,.0f}"]
    exits = f"{s['exits'][0]:.2f}" if s["exits"][0] else "-"
    row += [exits + (f" ({TARGET_EXITS[case]})" if vm and case in TARGET_EXITS else ""), f"{s['interrupts'][0]:.2f}"]
    for letter, target in (("L", (TARGET_L_VXLAN if net else TARGET_L).get(case)),
                           ("N", TARGET_N.get(setup.split("-")[0]))):
        q = quotients.get(f"{setup}/{letter}")
        row.append((f"{q[0]:.2f}" + (f" ({target})" if target else "")) if q else "-")
    return row


def rst(top):
    """The table for Documentation/performance.rst."""
    results = collect(top)
    rows = [["case", "set-up", "median", "least", "most", "idle", "exits", "irqs", "V/L", "V/N"]]
    for case in CASES:
        row = results.get(case, {})
        for setup in sorted(row, key=lambda s: (s.endswith("-vxlan"), s)):
            rows.append(rst_row(case, setup, row[setup], ratios(row)))
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    rule = " ".join("=" * w for w in widths)
    lines = [" ".join(f"{x:<{w}}" for x, w in zip(r, widths)).rstrip() for r in rows]
    print("\n".join([rule, lines[0], rule] + lines[1:] + [rule]))


COLOURS = {"native": "#9e9e9e", "layered": "#d98032", "container": "#3f7cbf", "vm": "#2f9e6e"}


def chart(results):
    """Bars by case: instructions per operation, layered = 1."""
    groups = [(c, net) for c in CASES for net in ("", "-vxlan") if "layered" + net in results.get(c, {})]
    bar, gap, left, height, top = 22, 26, 50, 260, 40
    x, body, highest = left + gap, [], 1.6
    for case, net in groups:
        base = results[case]["layered" + net]["summary"]["instructions"][0]
        first = x
        for setup, colour in COLOURS.items():
            if setup + net not in results[case]:
                continue
            value = results[case][setup + net]["summary"]["instructions"][0] / base
            h = min(value, highest) / highest * height
            body.append(f'<rect x="{x}" y="{top + height - h:.1f}" width="{bar - 3}" height="{h:.1f}" fill="{colour}">'
                        f'<title>{case} {setup}{net}: {value:.2f}</title></rect>')
            body.append(f'<text x="{x + bar / 2 - 2}" y="{top + height - h - 4:.1f}" font-size="9" '
                        f'text-anchor="middle">{value:.2f}</text>')
            x += bar
        body.append(f'<text x="{(first + x) / 2}" y="{top + height + 16}" text-anchor="middle">{case}</text>')
        if net:
            body.append(f'<text x="{(first + x) / 2}" y="{top + height + 28}" text-anchor="middle" font-size="9">{net[1:]}</text>')
        x += gap
    for tick in (0, .5, 1, 1.5):
        y = top + height - tick / highest * height
        body.append(f'<line x1="{left}" x2="{x}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ccc"/>'
                    f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{tick}</text>')
    for i, (setup, colour) in enumerate(COLOURS.items()):
        body.append(f'<rect x="{left + i * 110}" y="{top + height + 40}" width="12" height="12" fill="{colour}"/>'
                    f'<text x="{left + i * 110 + 17}" y="{top + height + 50}">{setup}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{x + 10}" height="{top + height + 65}" font-family="sans-serif"'
            f' font-size="12">\n<!-- SPDX-License-Identifier: GPL-2.0 -->\n<rect width="100%" height="100%" fill="white"/>\n'
            f'<text x="{left}" y="18">Instructions per operation, host and guest, relative to the layered stack</text>\n'
            + "\n".join(body) + "\n</svg>\n")


def report(top):
    results = collect(top)
    lines = list(table(results)) + list(metering_lines(results))
    print("\n".join(lines))
    for name, text in (("results.txt", "\n".join(lines) + "\n"), ("chart.svg", chart(results)),
                       ("results.json", json.dumps({c: {"setups": row, "ratios": ratios(row)}
                                                    for c, row in results.items()}, indent=1))):
        with open(f"{top}/{name}", "w") as f:
            f.write(text)


if __name__ == "__main__":
    if len(sys.argv) >= 3 and sys.argv[1] == "profile":
        profile(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 60)
    elif len(sys.argv) == 3 and sys.argv[1] == "rst":
        rst(sys.argv[2])
    elif len(sys.argv) == 2:
        report(sys.argv[1])
    else:
        sys.exit(__doc__)
