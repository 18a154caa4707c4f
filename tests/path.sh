#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# cases: bridge uplink vxlan tunnel tunnel6 route nat ovs
# limit: 900
# kernel: memcpy: detected field-spanning write .* at include/net/ip_tunnels.h
#
# The one-shot path through every kind of network: data arrives with and without it, nearly all
# packets take it, both ways, and what is on the wire is the same. A topology's name as an argument is
# a case, too. The complaint that 6.12.95 has at each first Geneve option it receives is its own.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topologies.sh"

case $1 in
bridge) names="bridge vlan_filter vlan_uplink qinq macvlan" ;;
uplink) names="vlan_device bond veth uplinks netns" ;;
vxlan) names="vxlan vxlan_csum vxlan6 vlan_in_vxlan vxlan_external" ;;
tunnel) names="geneve gretap gretap_csum gre geneve_options" ;;
tunnel6) names="geneve6 gretap6 gretap6_csum gre6" ;;
route) names="route" ;;
nat) names="nat iptables_nft iptables_legacy" ;;
ovs) names="ovs ovs_tag ovs_vxlan ovs_geneve ovs_gre" ;;
*) names=$* ;;
esac

both_ways() {
	transfer g1 "$far" 5001 -u "$1" -d "$1"
	transfer peer "$near" "$port" -u "$1" -d "$1"
}

counts() {
	local name out=''
	for name; do out="$out $(stat_of p1 "$name")"; done
	echo "$out"
}

# share NAME TAKEN ALL
share() {
	log "$1: $2 of $3"
	[ $(($2 * 100)) -lt $(($3 * 98)) ] || [ "$3" -lt 80 ] || return 0
	virtuosoctl stats show port p1 'path*'
	fail "$1: only $2 of $3 the short way"
}

# plain_packets NAME: no device helps: the kernel segments what is sent, and fills in checksums; nothing comes merged.
plain_packets() {
	local before after
	${uplink_ns:+ip netns exec "$uplink_ns"} ethtool -K up0 tx off > /dev/null
	ip netns exec peer ethtool -K eth0 tx off gro off > /dev/null
	capture plain 2000
	read -ra before < <(counts path_tx path_tx_long)
	both_ways 400000
	read -ra after < <(counts path_tx path_tx_long)
	end_capture plain
	share "$1, out, plain" $((after[0] - before[0])) $((after[0] - before[0] + after[1] - before[1]))
}

# try_topology NAME
try_topology() {
	local before after
	log "--- $1"
	set_up "$1"
	capture long
	both_ways 200000
	end_capture long
	change_uplinks add
	capture short
	read -ra before < <(counts path_rx_bytes fp_rx_bytes path_tx path_tx_long)
	both_ways 4000000
	read -ra after < <(counts path_rx_bytes fp_rx_bytes path_tx path_tx_long)
	end_capture short
	share "$1, in" $((after[0] - before[0])) $((after[1] - before[1]))
	share "$1, out" $((after[2] - before[2])) $((after[2] - before[2] + after[3] - before[3]))
	if met_invalid; then fail "$1: invalid packets"; fi
	plain_packets "$1"
	wire.py $WORK/long.pcap $WORK/short.pcap $WORK/plain.pcap
	change_uplinks del
	undo_topology
}

start_topologies
for name in $names; do
	try_topology "$name"
done
wait_for 20 no_flows p1
