#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# A container's namespace goes away in mid-transfer: its flows end, its port can be
# used again, and others do not notice.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001
netem delay 1ms rate 200mbit
spawn up g1 peer transfer $PEER 5001 -u 2000000000 -n 4
spawn down peer peer transfer $G1 5001 -d 2000000000 -n 4
spawn other g2 peer transfer $PEER 5001 -u 5000000 -d 5000000
wait_for 20 has_flows p1
ip netns del g1
ip netns pids g1 2> /dev/null || true
for name in up s1; do
	pkill -9 -F $WORK/$name.pid
done
wait_for 20 no_flows p1
finish other 40 || fail "$(cat "$(log_of other)")"

log "the port again, in another namespace"
guest_dev() { virtuosoctl -j port show p1 | jq -er '.[0].guest_dev'; }
wait_for 10 guest_dev
dev=$(guest_dev)
ip netns add g1
ip link set "$dev" netns g1
ip -n g1 link set "$dev" name eth0
ip -n g1 addr add $G1/24 dev eth0
ip -n g1 link set eth0 up
wait_for 10 port_is p1 running
transfer g1 $PEER 5001 -u 100000 -d 100000
