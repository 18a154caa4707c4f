#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# cases: drop drop_in move mtu port fdb route nat ovs_drop attack
# limit: 200
#
# The network changes while data flows the short way: a flow follows within 1.1 s, or stops
# where it has to, and loses no byte. Forged packets do not get in.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topologies.sh"

# What of the flow's data has gone through, either way.
progress() { echo $(($(stat_of p1 fp_rx_bytes) + $(stat_of p1 path_tx))); }

# moves: data flows, and it flows the short way.
moves() {
	local tx rx
	tx=$(stat_of p1 path_tx) rx=$(stat_of p1 path_rx_segs)
	wait_for 20 more path_tx $((tx + 50))
	wait_for 20 more path_rx_segs $((rx + 50))
}

more() { [ "$(stat_of p1 "$1")" -gt "$2" ]; }

pause() { read -rt "$1" <> <(:) || true; }

# stands: 1.1 s after the change nothing gets through any more.
stands() {
	local before
	pause 1.1
	before=$(progress)
	pause 0.5
	assert_eq "$(progress)" "$before" "progress of a flow that is to stand still"
}

begin() {
	"topology_$1"
	virtuosoctl uplink add up0
	on g1 ip route replace default via $HOST
	serve sp peer 5001
	# Slow enough to last for a few changes.
	ip netns exec peer tc qdisc add dev eth0 root netem limit 10000 rate 100mbit
	spawn load g1 peer transfer "$far" 5001 -u 40000000 -d 40000000 -t 150
	moves
}

end() {
	finish load 120 || fail "$(tail -n 5 "$(log_of load)")"
	log "$(tail -n 1 "$(log_of load)")"
}

case_drop() {
	begin vxlan
	nft add table bridge t
	nft 'add chain bridge t f { type filter hook forward priority 0; policy drop; }'
	stands
	nft delete table bridge t
	moves
}

# Only what comes in is dropped.
case_drop_in() {
	begin vxlan
	nft add table bridge t
	nft 'add chain bridge t f { type filter hook forward priority 0; oifname p1 drop; }'
	stands
	nft delete table bridge t
	moves
}

# The peer's machine changes: the tunnel has another end.
case_move() {
	begin vxlan
	ip -n peer addr add 192.0.2.3/24 dev eth0
	ip -n peer link set tun0 type vxlan local 192.0.2.3
	ip link set tun0 type vxlan remote 192.0.2.3
	ip -n peer addr del $OUT_PEER/24 dev eth0
	ip -n peer addr add 192.0.2.3/24 dev eth0 2> /dev/null || true
	moves
}

case_mtu() {
	begin bridge
	ip link set up0 mtu 1200
	ip -n peer link set eth0 mtu 1200
	ip -n g1 link set eth0 mtu 1200
	moves
}

# The port leaves the bridge, and comes back.
case_port() {
	begin bridge
	ip link set p1 nomaster
	stands
	ip link set p1 master br0
	moves
}

# The peer's address appears at another port of the bridge.
case_fdb() {
	local mac
	begin bridge
	ip link add up1 type veth peer name eth1 netns peer
	ip link set up1 up
	plug up1
	virtuosoctl uplink add up1
	mac=$(ip netns exec peer cat /sys/class/net/eth0/address)
	ip -n peer link set eth0 down
	ip -n peer addr del $PEER/24 dev eth0
	ip -n peer link set eth1 address "$mac"
	ip -n peer link set eth1 up
	ip -n peer addr add $PEER/24 dev eth1
	moves
	virtuosoctl uplink del up1
}

# Another way to the same peer.
case_route() {
	begin route
	ip link add up1 type veth peer name eth1 netns peer
	ip addr add 192.0.3.1/24 dev up1
	ip link set up1 up
	ip -n peer addr add 192.0.3.2/24 dev eth1
	ip -n peer link set eth1 up
	virtuosoctl uplink add up1
	ip route add $OUT_PEER/32 via 192.0.3.2
	ip -n peer route replace 10.7.0.0/24 via 192.0.3.1
	wait_for 5 tx_by up1
	moves
	virtuosoctl uplink del up1
}

tx_by() { [ "$(cat "/sys/class/net/$1/statistics/tx_packets")" -gt 100 ]; }

# Translated, with the usual rule against what is invalid: it holds no packet for that, and a new rule counts.
case_nat() {
	begin nat
	nft add rule ip strict forward oifname up0 drop
	stands
	nft flush chain ip strict forward
	nft add rule ip strict forward ct state invalid counter drop
	moves
	end
	nft list chain ip strict forward | grep -q 'counter packets 0 ' || fail "$(nft list chain ip strict forward)"
}

case_ovs_drop() {
	[ "$(nproc)" != 1 ] || { log "left out: Open vSwitch needs two CPUs"; exit 0; }
	begin ovs_vxlan
	ovs-ofctl add-flow ovs0 priority=100,ip,actions=drop
	stands
	ovs-ofctl del-flows --strict ovs0 priority=100,ip
	moves
}

case_attack() {
	local taken differ
	topology_vxlan
	virtuosoctl uplink add up0
	serve sp peer 5001
	spawn tap peer tcpdump -Z root -i eth0 -s 0 -U -w $WORK/tap.pcap udp
	wait_for 20 logged tap "listening on"
	spawn load g1 peer transfer "$far" 5001 -u 100000 -d 100000 -O
	wait_for 20 logged load holding
	signal tap INT
	finish tap 20 || true
	taken=$(stat_of p1 path_rx_segs) differ=$(stat_of p1 path_rx_differ)
	on peer "$TOP/tests/forge.py" eth0 $WORK/tap.pcap true
	assert_eq "$(stat_of p1 path_rx_segs)" $((taken + 1)) "segments taken with a true one more"
	on peer "$TOP/tests/forge.py" eth0 $WORK/tap.pcap bare vni source mac inner ttl geneve fragment
	assert_eq "$(stat_of p1 path_rx_segs)" $((taken + 1)) "segments taken after forged ones"
	# The fragment was not even looked at.
	assert_eq "$(stat_of p1 path_rx_differ)" $((differ + 7)) "segments that differ"
	signal load
	finish load 20
}

trap undo_topology EXIT
rm -rf $WORK
mkdir -p $WORK
load_host
load_guest
make_container g1 p1 $G1
"case_$1"
case $1 in
attack|nat) ;;
*) end ;;
esac
