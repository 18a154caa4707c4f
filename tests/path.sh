#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# cases: bridge vxlan tunnel route ovs
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
vxlan) names="vxlan vxlan_csum vxlan6 vlan_in_vxlan vxlan_external" ;;
tunnel) names="geneve gretap gretap_csum gre geneve_options" ;;
route) names="route nat" ;;
ovs) names="ovs ovs_tag ovs_vxlan ovs_geneve ovs_gre" ;;
*) names=$* ;;
esac

# capture NAME [BYTES]: what is on the wire, of each packet so much, until end_capture NAME.
capture() {
	spawn "$1" peer tcpdump -Z root -i eth0 -s "${2:-200}" -B 8192 -U -w "$WORK/$1.pcap"
	wait_for 20 logged "$1" "listening on"
}

# A packet that says so is the last one: tcpdump does not read what waits when it is told to end.
marked() {
	on peer bash -c "echo 'end of $1' > /dev/udp/ff02::4242%eth0/9"
	grep -aq "end of $1" "$WORK/$1.pcap"
}

end_capture() {
	wait_for 20 marked "$1"
	signal "$1" INT
	finish "$1" 20 || true
}

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
	[ $(($2 * 100)) -lt $(($3 * 98)) ] || [ "$3" -lt 100 ] || return 0
	virtuosoctl stats show port p1 'path*'
	fail "$1: only $2 of $3 the short way"
}

# plain_packets NAME: no device helps: the kernel segments what is sent, and fills in checksums; nothing comes merged.
plain_packets() {
	local before after
	ethtool -K up0 tx off > /dev/null
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
	topology_"$1"
	serve sp peer 5001
	on g1 ip route replace default via $HOST
	capture long
	both_ways 200000
	end_capture long
	virtuosoctl uplink add up0
	capture short
	read -ra before < <(counts path_rx_bytes fp_rx_bytes path_tx path_tx_long)
	both_ways 4000000
	read -ra after < <(counts path_rx_bytes fp_rx_bytes path_tx path_tx_long)
	end_capture short
	share "$1, in" $((after[0] - before[0])) $((after[1] - before[1]))
	share "$1, out" $((after[2] - before[2])) $((after[2] - before[2] + after[3] - before[3]))
	if nft list ruleset | grep 'ct state invalid counter packets [1-9]'; then
		fail "$1: invalid packets"
	fi
	plain_packets "$1"
	wire.py $WORK/long.pcap $WORK/short.pcap $WORK/plain.pcap
	virtuosoctl uplink del up0
	undo_topology
}

trap undo_topology EXIT
rm -rf $WORK
mkdir -p $WORK
load_host
load_guest
make_container g1 p1 $G1
serve s1 g1 5001
for name in $names; do
	try_topology "$name"
done
wait_for 20 no_flows p1
