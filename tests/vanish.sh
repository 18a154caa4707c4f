#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 180
#
# The peer vanishes in mid-transfer: it comes back, and the transfer goes on; it comes back
# without memory, and the connection is reset.

. "$(dirname "$0")/lib.sh"

moving() { [ "$(cat /sys/class/net/peer-br/statistics/tx_bytes)" -gt $((tx + 2000000)) ]; }

start
serve sp peer 5001
netem delay 1ms rate 100mbit

log "gone for two seconds"
tx=$(cat /sys/class/net/peer-br/statistics/tx_bytes)
spawn up g1 peer transfer $PEER 5001 -u 20000000
wait_for 20 moving
ip link set peer-br down
read -rt 2 <> <(:) || true
ip link set peer-br up
finish up 40 || fail "$(cat "$(log_of up)")"

log "gone, and back as another machine"
tx=$(cat /sys/class/net/peer-br/statistics/tx_bytes)
spawn up g1 peer transfer $PEER 5001 -u 2000000000
wait_for 20 moving
mac=$(ip -n peer -j link show eth0 | jq -r '.[0].address')
ip link del peer-br	# nobody hears its last words
delete_netns peer
make_peer peer $PEER
ip -n peer link set eth0 address "$mac"
status=0
finish up 60 || status=$?
assert_eq $status 1 "exit status of the client"
logged up ECONNRESET || fail "$(cat "$(log_of up)")"
wait_for 20 no_flows p1
