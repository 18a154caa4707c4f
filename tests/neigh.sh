#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 120
#
# The guest's neighbour table is in charge of where connections go: a stale entry is found out while
# connecting, a next hop whose Ethernet address changes is followed in mid-transfer, and entries of
# connections that get on are confirmed. Each as the native stack does it in the same namespace.

. "$(dirname "$0")/lib.sh"
start

last_mac=10
now_ms() { echo $(($(date +%s%N) / 1000000)); }
peer_mac() { ip -n peer -j link show eth0 | jq -r '.[0].address'; }
entry() { ip -n g1 -j neigh show $PEER dev eth0 | jq -r ".[0].$1"; }
counter() { on g1 awk -v name="$1" '$1 == name { print $2 }' /proc/net/virtuoso; }
sockets_are() { on g1 sysctl -qw net.virtuoso.enabled="$1"; }
received() { on peer cat /sys/class/net/eth0/statistics/rx_bytes; }
has_received() { [ "$(received)" -ge "$1" ]; }

# A new address, of which nobody is told unless arp_notify is on.
move_peer() {
	last_mac=$((last_mac + 1))
	ip -n peer link set eth0 address 02:00:00:00:00:$last_mac
}

# Sooner than Linux does by default, so that nobody waits for it.
on g1 sysctl -qw net.ipv4.neigh.eth0.delay_first_probe_time=1 net.ipv4.neigh.eth0.ucast_solicit=1 \
	net.ipv4.neigh.eth0.retrans_time_ms=500 net.ipv4.neigh.eth0.base_reachable_time_ms=1000
serve sp peer 5001

# Sets $took.
connect_with_stale_entry() {
	local begin
	sockets_are "$1"
	ip -n g1 neigh replace $PEER lladdr "$(peer_mac)" nud stale dev eth0
	move_peer
	begin=$(now_ms)
	transfer g1 $PEER 5001 -u 10000 -d 10000
	took=$(($(now_ms) - begin))
	assert_eq "$(entry lladdr)" "$(peer_mac)" "the entry"
}

log "connect() with a stale entry"
connect_with_stale_entry 0
native=$took
before=$(bytes_of p1)
connect_with_stale_entry 1
carried p1 "$before" 20000
log "natively after $native ms, offloaded after $took ms"
assert_le "$took" $((2 * native + 2000 * SLOW)) "ms to connect"

# move_in_transfer OFFLOADED OPTION...: sets $took
move_in_transfer() {
	local offloaded=$1 begin
	shift
	sockets_are "$offloaded"
	begin=$(received)
	spawn bulk g1 peer transfer $PEER 5001 "$@"
	wait_for 20 has_received $((begin + 300000))
	move_peer
	begin=$(now_ms)
	finish bulk 40 || fail "$(cat "$(log_of bulk)")"
	took=$(($(now_ms) - begin))
}

# compare MS OPTION...: so much later than natively at most
compare() {
	local native before later=$1
	shift
	move_in_transfer 0 "$@"
	native=$took
	before=$(bytes_of p1)
	move_in_transfer 1 "$@"
	carried p1 "$before" 2000000
	log "natively after $native ms, offloaded after $took ms"
	assert_le "$took" $((2 * native + later * SLOW)) "ms until the end"
}

netem delay 1ms rate 20mbit
# Has it just sent its ACK, it says nothing until the entry has expired, was probed, and data is repeated.
log "the peer moves, in silence"
told=$(counter next_hop_changed)
compare 20000 -u 2000000 -d 1000
compare 20000 -u 600000 -d 2000000

log "and announces it"
on peer sysctl -qw net.ipv4.conf.eth0.arp_notify=1
compare 3000 -u 2000000 -d 1000
assert_ge "$(counter next_hop_changed)" $((told + 2)) "times the device was told"

log "an entry is confirmed by progress"
on g1 sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=30000
age() { ip -n g1 -s -j neigh show $PEER dev eth0 | jq ".[0].$1"; }
is_old() { [ "$(age updated)" -ge 3 ]; }
spawn bulk g1 peer transfer $PEER 5001 -u 20000000
wait_for 10 is_old
assert_eq "$(entry 'state[0]')" REACHABLE "the entry"
assert_le "$(age confirmed)" 2 "seconds since it was confirmed"
finish bulk 40 || fail "$(cat "$(log_of bulk)")"
