#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
#
# A router on the way has a smaller MTU, or no way at all: its ICMP errors reach the
# connections of the guests.

. "$(dirname "$0")/lib.sh"
FAR=10.8.0.2
start

# The peer routes between the bridge and a network with an MTU of 1280.
ip netns add far
ip link add eth1 netns peer mtu 1280 type veth peer name eth0 netns far mtu 1280
ip -n peer addr add 10.8.0.1/24 dev eth1
ip -n peer link set eth1 up
ip -n far addr add $FAR/24 dev eth0
ip -n far link set eth0 up
# It claims to take more than gets through.
ip -n far route add 10.7.0.0/24 via 10.8.0.1 advmss 1460
ip netns exec peer sysctl -qw net.ipv4.ip_forward=1
ip netns exec peer ethtool -K eth0 gro off > /dev/null
on g1 ip route replace 10.8.0.0/24 via $PEER

log "the far end announces a segment that does not fit: the path's MTU is found"
serve sf far 5001
before=$(bytes_of p1)
transfer g1 $FAR 5001 -u 300000 -d 300000
carried p1 "$before" 600000
errors=$(ip netns exec peer nstat -asz IcmpOutDestUnreachs | awk '/IcmpOut/ { print $2 }')
assert_ge "${errors%.*}" 1 "ICMP errors of the router"

log "no way to a network: the connection fails at once"
assert_eq "$(on g1 peer connect 10.8.0.99 5001)" EHOSTUNREACH
signal sf
ip netns del far
