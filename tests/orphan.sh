#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# limit: 90
#
# A connection that is not over when its socket is closed: ss shows it in its state, its port is
# taken, there is a limit to them, and neither module nor namespace waits for them.

. "$(dirname "$0")/lib.sh"

leave() { on g1 python3 "$TOP/tests/orphan.py" leave $PEER 5001 "$@"; }
# use COUNT: connections, one after the other has left its port.
use() {
	local i
	for ((i = 0; i < $1; i++)); do
		on g1 python3 "$TOP/tests/orphan.py" use $PEER 5001 || return
		wait_for 10 none_in_state last-ack
	done
}
# in_state STATE [PORT]: sockets of the guest to the peer, in this state.
in_state() { on g1 ss -Htan state "$1" dst "$PEER:5001" ${2:+sport = :$2} | wc -l; }
is_in_state() { [ "$(in_state "$@")" -ge 1 ]; }
none_in_state() { [ "$(in_state "$@")" = 0 ]; }

start
spawn server peer python3 -u "$TOP/tests/orphan.py" serve 5001
wait_for 20 logged server listening
range=$(on g1 sysctl -n net.ipv4.ip_local_port_range)
on g1 sysctl -qw net.ipv4.ip_local_port_range="40000 40001"

log "FIN-WAIT-1, with data that the peer does not take"
port=$(leave full)
is_in_state fin-wait-1 "$port" || fail "$(on g1 ss -tan)"
[ $MODE = native ] || assert_eq "$(nr_flows p1)" 1 "flows"

log "its port is not given to others: one is left"
use 6
is_in_state fin-wait-1 "$port" || fail "$(on g1 ss -tan)"

log "FIN-WAIT-2; then no port is left"
half=$(leave half)
assert_eq $((port + half)) 80001 "both ports"
wait_for 10 is_in_state fin-wait-2 "$half"
fails_with "Cannot assign requested address" use 1

log "TIME-WAIT, when the peer has closed, too"
on g1 sysctl -qw net.ipv4.ip_local_port_range="41000 41001"
port=$(leave "done")
wait_for 10 is_in_state time-wait "$port"
use 3
[ $MODE = native ] || wait_for 10 has_flows p1 time-wait

log "ss -K, and the peer's end"
on g1 ss -HK dst "$PEER:5001" state fin-wait-1 > /dev/null
wait_for 10 none_in_state fin-wait-1
signal server KILL
wait_for 20 none_in_state fin-wait-2
wait_for 20 no_flows p1

[ $MODE != native ] || exit 0
log "there is a limit"
on g1 sysctl -qw net.ipv4.ip_local_port_range="$range"
spawn server peer python3 -u "$TOP/tests/orphan.py" serve 5001
wait_for 20 logged server listening
kernel=host
[ $MODE = container ] || kernel=g1
limit=$(on $kernel sysctl -n net.ipv4.tcp_max_orphans)
over_limit() {
	leave half
	[ "$(on g1 nstat -asz TcpExtTCPAbortOnMemory | awk '/Memory/ { print $2 }')" != 0 ]
}
on $kernel sysctl -qw net.ipv4.tcp_max_orphans=0
wait_for 20 over_limit
on $kernel sysctl -qw net.ipv4.tcp_max_orphans="$limit"
assert_le "$(nr_flows p1)" "$(in_state fin-wait-2)" "flows without a socket"
on g1 ss -HK dst "$PEER:5001" > /dev/null
wait_for 20 no_flows p1

[ $MODE = container ] || exit 0
log "the namespace goes at once; what was written is still the device's to deliver"
leave full
ip netns del g1
guest_dev() { virtuosoctl -j port show p1 | jq -er '.[0].guest_dev'; }
wait_for 5 guest_dev
has_flows p1 || fail "the connection was lost"

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
rmmod virtuoso_guest
wait_for 10 no_flows p1
