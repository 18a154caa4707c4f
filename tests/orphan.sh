#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 120
#
# A connection that is not over when its socket is closed: ss shows it in its state, its port is
# taken, there is a limit to them, and neither module nor namespace waits for them.

. "$(dirname "$0")/lib.sh"

# leave KIND: sets port and sent, the bytes written.
leave() {
	local out
	out=$(on g1 python3 "$TOP/tests/orphan.py" leave $PEER 5001 "$1")
	read -r port sent <<< "$out"
}
use() { on g1 python3 "$TOP/tests/orphan.py" use $PEER 5001 "$1"; }

# in_state STATE [PORT]: sockets of the guest to the peer, in this state.
in_state() { on g1 ss -Htan state "$1" dst "$PEER:5001" ${2:+sport = :$2} | wc -l; }
is_in_state() { [ "$(in_state "$@")" -ge 1 ]; }
none_in_state() { [ "$(in_state "$@")" = 0 ]; }
assert_in_state() { is_in_state "$@" || fail "not in $1: $(on g1 ss -tan)"; }

serve_orphans() {
	spawn server peer python3 -u "$TOP/tests/orphan.py" serve 5001
	wait_for 20 logged server listening
}
# peer_has_none [PORT]: the peer's ends of the guest's connections have gone.
peer_has_none() { [ -z "$(on peer ss -Htn dst "$G1${1:+:$1}")" ]; }

start
# The peer's sockets, too, would hold the module.
[ $MODE = native ] || on peer sysctl -qw net.virtuoso.enabled=0
serve_orphans
range=$(on g1 sysctl -n net.ipv4.ip_local_port_range)
on g1 sysctl -qw net.ipv4.ip_local_port_range="40000 40001"

log "FIN-WAIT-1, with data that the peer does not take"
leave full
full=$port
assert_in_state fin-wait-1 "$full"
[ $MODE = native ] || assert_eq "$(nr_flows p1)" 1 "flows"

log "its port is not given to others: one is left"
use 6
assert_in_state fin-wait-1 "$full"

log "FIN-WAIT-2; then no port is left"
leave half
half=$port
assert_eq $((full + half)) 80001 "both ports"
wait_for 10 is_in_state fin-wait-2 "$half"
fails_with "Cannot assign requested address" use 1

log "TIME-WAIT, when the peer has closed, too"
on g1 sysctl -qw net.ipv4.ip_local_port_range="41000 41001"
leave "done"
wait_for 10 is_in_state time-wait "$port"
[ $MODE = native ] || assert_eq "$(nr_flows p1 time-wait)" 1 "flows in TIME-WAIT"
use 3
assert_in_state time-wait "$port"

log "ss -K, and the peer's end"
on g1 ss -HK state fin-wait-1 dst "$PEER:5001" > /dev/null
wait_for 10 none_in_state fin-wait-1
wait_for 10 peer_has_none "$full"
assert_in_state fin-wait-2 "$half"
signal server KILL
wait_for 20 is_in_state time-wait "$half"
none_in_state fin-wait-2 || fail "two for one connection"
wait_for 20 no_flows p1

[ $MODE != native ] || exit 0
log "there is a limit"
on g1 sysctl -qw net.ipv4.ip_local_port_range="$range"
serve_orphans
limit=$(sysctl -n net.ipv4.tcp_max_orphans)
nr_refused() { on g1 nstat -asz TcpExtTCPAbortOnMemory | awk '/Memory/ { print $2 }'; }
over_limit() {
	leave half
	[ "$(nr_refused)" != 0 ]
}
flows_are_orphans() { [ "$(nr_flows p1)" = "$(in_state fin-wait-2)" ]; }
assert_eq "$(nr_refused)" 0 "orphans refused"
leave half
wait_for 10 is_in_state fin-wait-2 "$port"
sysctl -qw net.ipv4.tcp_max_orphans=0
wait_for 20 over_limit
sysctl -qw net.ipv4.tcp_max_orphans="$limit"
wait_for 10 flows_are_orphans
assert_in_state fin-wait-2
on g1 ss -HK dst "$PEER:5001" > /dev/null
wait_for 20 no_flows p1
wait_for 10 peer_has_none
signal server USR1

log "the namespace goes at once; what was written is still the device's to deliver"
leave full
ip netns del g1
guest_dev() { virtuosoctl -j port show p1 | jq -er '.[0].guest_dev'; }
wait_for 5 guest_dev
assert_eq "$(nr_flows p1)" 1 "flows"
signal server USR1
wait_for 20 logged server "^$port read $sent\$"
wait_for 20 no_flows p1

log "the module goes at once"
dev=$(guest_dev)
ip netns add g1
ip link set "$dev" netns g1
ip -n g1 link set "$dev" name eth0
ip -n g1 addr add $G1/24 dev eth0
ip -n g1 link set eth0 up
ip -n g1 link set lo up
leave full
leave half
assert_eq "$(nr_flows p1)" 2 "flows"
rmmod virtuoso_guest
wait_for 10 no_flows p1
assert_eq "$(in_state connected)" "$(in_state time-wait)" "sockets that are not in TIME-WAIT"
wait_for 10 peer_has_none
