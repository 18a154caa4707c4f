#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 240
#
# Payload rings begin small and grow with use: over a long way both do, and everything arrives; those of idle
# connections stay as they are, and so do all where the guest's net.ipv4.tcp_rmem and tcp_wmem want it.

. "$(dirname "$0")/lib.sh"

[ $MODE != native ] || exit 0

FIRST=$((32 * 1024))

# ring WAY: bytes of the ring of the largest one of the port's flows.
ring() { virtuosoctl -j flow show port p1 | jq "[.[] | select(.state == \"established\") | .$1_ring_bytes] | max"; }
ring_is() { [ "$(ring "$1")" = "$2" ]; }
ring_grew() { [ "$(ring "$1")" -ge "$2" ]; }
grown() { on g1 ethtool -S eth0 | awk '$1 == "ring_grown:" { print $2 }'; }

# bulk [OPTION]...: on a connection that stays, until everything has arrived.
bulk() {
	spawn bulk g1 peer transfer $PEER 5001 "$@" -O -t $((50 * SLOW))
	wait_for $((50 * SLOW)) logged bulk holding
}

bulk_ends() {
	signal bulk
	finish bulk 20 || fail "bulk ended with $?"
	wait_for 20 no_flows p1
}

start
serve sp peer 5001
serve s1 g1 5001
netem delay 10ms

first_grown=$(grown)
bulk -u 1000 -d 1000
assert_eq "$(ring tx)" $FIRST "transmit ring of an idle connection"
assert_eq "$(ring rx)" $FIRST "receive ring of an idle connection"
bulk_ends
assert_eq "$(grown)" "$first_grown" "rings that grew, with those that grew without need"

bulk -u 6000000
wait_for 10 ring_grew tx $((4 * FIRST))
assert_eq "$(ring rx)" $FIRST "receive ring of a sender"
bulk_ends
bulk -d 6000000
wait_for 10 ring_grew rx $((4 * FIRST))
assert_eq "$(ring tx)" $FIRST "transmit ring of a receiver"
bulk_ends
assert_ge "$(grown)" $((first_grown + 2)) "rings that grew, with those before"

# Many at once take one another's rings over, while packets get lost.
netem delay 10ms loss 1%
transfer g1 $PEER 5001 -u 400000 -d 400000 -n 8 -k 3
transfer peer $G1 5001 -u 400000 -d 400000 -n 8 -k 3
netem delay 10ms

wmem=$(on g1 sysctl -n net.ipv4.tcp_wmem) rmem=$(on g1 sysctl -n net.ipv4.tcp_rmem)
on g1 sysctl -qw net.ipv4.tcp_wmem="4096 16384 $FIRST" net.ipv4.tcp_rmem="4096 32768 $FIRST"
before_grown=$(grown)
bulk -u 500000 -d 500000
assert_eq "$(ring tx)" $FIRST "transmit ring at its limit"
assert_eq "$(ring rx)" $FIRST "receive ring at its limit"
bulk_ends
assert_eq "$(grown)" "$before_grown" "rings that grew beyond the limit"
wait_for 20 no_flows p1
on g1 sysctl -qw net.ipv4.tcp_wmem="$wmem" net.ipv4.tcp_rmem="$rmem"
