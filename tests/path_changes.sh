#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# cases: steady drop drop_in silent ovs_drop vlan address neighbour route port fdb down failover netns move tunnel mtu nat timeout ends refuse attack
# limit: 900
# kernel: memcpy: detected field-spanning write .* at include/net/ip_tunnels.h
#
# The network changes while data flows the short way: a flow follows within 1.1 s, or stops
# where it has to, and loses no byte. Forged packets do not get in. The kernel's complaint is that of path.sh.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topologies.sh"

# What has gone through, of both directions or one: segments sent the short way do not, once there is no path.
progress() {
	case $1 in
	out) stat_of p1 path_tx ;;
	in) stat_of p1 fp_rx_bytes ;;
	both) echo "$(progress out) $(progress in)" ;;
	esac
}

more() { [ "$(stat_of p1 "$1")" -gt "$2" ]; }

# flowing: data flows, and it flows the short way.
flowing() {
	local tx rx
	tx=$(stat_of p1 path_tx) rx=$(stat_of p1 path_rx_segs)
	wait_for 20 more path_tx $((tx + 50))
	wait_for 20 more path_rx_segs $((rx + 50))
}

pause() { read -rt "$1" <> <(:) || true; }

# stands both|out|in: 1.1 s after the change nothing gets through any more.
stands() {
	local before
	pause 1.1
	before=$(progress "$1")
	pause 0.5
	assert_eq "$(progress "$1")" "$before" "progress ($1) of a flow that is to stand still"
}

# within_1s COMMAND...: 1.1 s after the change it succeeds.
within_1s() {
	pause 1.1
	"$@" || fail "1.1 s later still not: $*"
}

# What the peer sends takes long enough for a few changes.
slow_links() {
	local dev
	for dev in eth0 eth1; do
		! on peer test -e /sys/class/net/$dev || on peer tc qdisc replace dev $dev root netem limit 10000 rate 25mbit
	done
}

# begin TOPOLOGY [BYTES]: so many come in.
begin() {
	set_up "$1"
	change_uplinks add
	slow_links
	spawn load g1 peer transfer "$far" 5001 -u 40000000 -d "${2:-40000000}" -t 150
	flowing
}

end() {
	finish load 120 || fail "$(tail -n 5 "$(log_of load)")"
	log "$(tail -n 1 "$(log_of load)")"
}

packets_by() { cat "/sys/class/net/$1/statistics/tx_packets"; }

# uses DEVICE: most of what is sent goes there.
uses() {
	local dev before after
	before=$(packets_by "$1")
	wait_for 5 more path_tx $(($(stat_of p1 path_tx) + 100))
	after=$(packets_by "$1")
	assert_ge $((after - before)) 50 "packets sent by $1"
}

# --- nothing changes

# steady TOPOLOGY: probes arrive, both kinds, whatever they go through.
steady() {
	local seen lost
	log "$1"
	set_up "$1"
	change_uplinks add
	seen=$(stat_of p1 path_rx_probe_rx) lost=$(stat_of p1 path_rx_lost)
	spawn load g1 peer transfer "$far" 5001 -u 100000 -d 100000 -O
	wait_for 20 logged load holding
	wait_for 20 more path_rx_probe_rx "$seen"
	pause 0.1
	assert_eq "$(stat_of p1 path_rx_lost)" "$lost" "inbound probes lost"
	assert_eq "$(stat_of p1 path_lost_probe)" 0 "outbound probes lost"
	signal load
	finish load 20 || true
	change_uplinks del
	undo_topology
}

case_steady() {
	local name
	for name in vlan_filter qinq vxlan_csum vxlan6 vxlan_external geneve_options gretap_csum gretap6 nat ovs_tag ovs_vxlan; do
		steady "$name"
	done
}

# --- rules that drop

case_drop() {
	begin vxlan
	nft add table bridge t
	nft 'add chain bridge t f { type filter hook forward priority 0; policy drop; }'
	stands both
	nft delete table bridge t
	flowing
}

# Only what comes in is dropped.
case_drop_in() {
	begin vxlan
	nft add table bridge t
	nft 'add chain bridge t f { type filter hook forward priority 0; oifname p1 drop; }'
	stands in
	assert_ge "$(stat_of p1 path_rx_lost)" 1 "probes of the peer's packets that were missed"
	nft delete table bridge t
	flowing
}

# Nobody announces rules of the old kind.
case_silent() {
	begin route
	iptables-legacy -A FORWARD -i p1 -j DROP
	stands out
	iptables-legacy -F
	flowing
	iptables-legacy -A FORWARD -o p1 -j DROP
	stands in
	iptables-legacy -F
	flowing
}

case_ovs_drop() {
	begin ovs_vxlan
	ovs-ofctl add-flow ovs0 priority=100,ip,actions=drop
	stands both
	ovs-ofctl del-flows --strict ovs0 priority=100,ip
	flowing
}

# --- bridges, routes, addresses, neighbours

case_vlan() {
	begin vlan_filter
	bridge vlan del dev up0 vid 7
	stands both
	bridge vlan add dev up0 vid 7
	flowing
}

# The tunnel's end has no address for a while.
case_address() {
	begin vxlan
	ip addr del $OUT_HOST/24 dev up0
	stands both
	ip addr add $OUT_HOST/24 dev up0
	flowing
}

# The peer gets another Ethernet address.
case_neighbour() {
	local changed
	begin route
	changed=$(stat_of p1 path_changed)
	ip -n peer link set eth0 address 02:00:00:00:be:ef
	ip neigh replace $OUT_PEER lladdr 02:00:00:00:be:ef dev up0
	within_1s more path_changed "$changed"
	flowing
}

# Another way to the same peer.
case_route() {
	begin route
	second_link
	slow_links
	ip addr add 192.0.3.1/24 dev up1
	ip -n peer addr add 192.0.3.2/24 dev eth1
	virtuosoctl uplink add up1
	ip route add $OUT_PEER/32 via 192.0.3.2
	ip -n peer route replace 10.7.0.0/24 via 192.0.3.1
	pause 1.1
	uses up1
	flowing
	virtuosoctl uplink del up1
	# No uplink: the long way.
	stands out
	virtuosoctl uplink add up1
	flowing
}

# The port leaves the bridge, and comes back.
case_port() {
	begin bridge
	ip link set p1 nomaster
	stands both
	ip link set p1 master br0
	flowing
}

# The peer's address appears at another port of the bridge.
case_fdb() {
	local mac
	begin bridge
	second_link
	slow_links
	plug up1
	virtuosoctl uplink add up1
	mac=$(ip netns exec peer cat /sys/class/net/eth0/address)
	ip -n peer link set eth0 down
	ip -n peer addr del $PEER/24 dev eth0
	ip -n peer link set eth1 address "$mac"
	ip -n peer addr add $PEER/24 dev eth1
	pause 1.1
	uses up1
	flowing
}

# --- devices

case_down() {
	begin vxlan
	ip link set tun0 down
	stands both
	ip link set tun0 up
	flowing
	ip link set up0 down
	stands both
	ip link set up0 up
	flowing
}

# The active link of a bond fails, and comes back.
case_failover() {
	begin bond
	uses up0
	ip -n peer link set eth0 down
	pause 1.1
	uses up1
	flowing
	ip -n peer link set eth0 up
	ip -n peer link set eth1 down
	pause 1.1
	uses up0
	flowing
}

# The uplink is in another namespace than the port, which goes away with it.
case_netns() {
	local before
	begin netns
	nft_there add table bridge t
	nft_there 'add chain bridge t f { type filter hook forward priority 0; policy drop; }'
	stands both
	nft_there delete table bridge t
	flowing
	signal load
	finish load 20 || true
	spawn load g1 peer transfer "$far" 5001 -u 40000000 -d 40000000 -t 150
	flowing
	delete_netns switch
	wait_for 20 no_uplinks
	before=$(stat_of p1 path_tx)
	pause 0.5
	assert_eq "$(stat_of p1 path_tx)" "$before" "packets by an uplink that is gone"
	signal load
	finish load 20 || true
}

nft_there() { ip netns exec switch nft "$@"; }
no_uplinks() { [ "$(virtuosoctl -j uplink show | jq length)" = 0 ]; }

# --- tunnels

# The peer's machine changes: the tunnel has another end, which its device learns from what comes in.
case_move() {
	local changed
	begin vxlan
	changed=$(stat_of p1 path_changed)
	ip -n peer addr add 192.0.2.3/24 dev eth0
	ip -n peer link set tun0 type vxlan local 192.0.2.3
	ip -n peer addr del $OUT_PEER/24 dev eth0
	ip -n peer addr add 192.0.2.3/24 dev eth0 2> /dev/null || true
	within_1s more path_changed "$changed"
	flowing
	# Told by the operator.
	ip link set tun0 type vxlan remote 192.0.2.3
	flowing
}

# The tunnel's header changes; then the key does, and the peer follows.
case_tunnel() {
	local changed
	begin gretap
	changed=$(stat_of p1 path_changed)
	ip link set tun0 type gretap local $OUT_HOST remote $OUT_PEER key $VNI ttl 33
	within_1s more path_changed "$changed"
	flowing
	capture ttl
	flowing
	end_capture ttl
	tcpdump -nr $WORK/ttl.pcap 'src host 192.0.2.1 and ip proto 47 and ip[8] != 33' 2> /dev/null > $WORK/ttl
	[ ! -s $WORK/ttl ] || fail "packets with another TTL: $(head -n 3 $WORK/ttl)"
	ip link set tun0 type gretap local $OUT_HOST remote $OUT_PEER key 77 ttl 33
	ip -n peer link set tun0 type gretap local $OUT_PEER remote $OUT_HOST key 77
	flowing
}

path_mss() { virtuosoctl -j flow show port p1 | jq '[.[].path_mss // empty] | min'; }
mss_is() { [ "$(path_mss)" = "$1" ]; }

case_mtu() {
	begin bridge
	mss_is 1460
	ip link set up0 mtu 1200
	ip -n peer link set eth0 mtu 1200
	within_1s mss_is 1160
	flowing
	ip link set up0 mtu 1500
	ip -n peer link set eth0 mtu 1500
	within_1s mss_is 1460
	flowing
}

# --- connection tracking

# Translated, with the usual rule against what is invalid: it holds no packet for that, and a new rule counts.
case_nat() {
	begin nat
	nft add rule ip strict forward oifname up0 drop
	stands out
	nft flush chain ip strict forward
	nft add rule ip strict forward ct state invalid counter drop
	flowing
	# The long way, in mid-stream, and back.
	change_uplinks del
	wait_for 10 more path_tx_long "$(stat_of p1 path_tx_long)"
	change_uplinks add
	flowing
	is_assured
	end
	if met_invalid; then fail "invalid packets"; fi
}

is_assured() { grep -q "ESTABLISHED src=$G1 .*dport=5001.*\[ASSURED\]" /proc/net/nf_conntrack; }

# An entry lasts as long as its connection, busy or not, though it is forgotten after ten seconds.
case_timeout() {
	set_up nat
	change_uplinks add
	sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=10
	spawn load g1 peer transfer "$far" 5001 -u 100000 -d 100000 -O
	wait_for 20 logged load holding
	for ((i = 0; i < 8; i++)); do
		pause 3
		is_assured || fail "$(cat /proc/net/nf_conntrack)"
	done
	signal load
	finish load 20 || true
	if met_invalid; then fail "invalid packets"; fi
	sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=432000
}

# after_end TOPOLOGY [COMMAND]...: a connection has been, and has ended; COMMAND while it was there succeeded.
after_end() {
	local name=$1
	shift
	log "$name"
	set_up "$name"
	change_uplinks add
	[ "$name" != netns ] || nft_there -f - <<-NFT
		table bridge t {
			chain f { type filter hook forward priority 0; ct state invalid counter drop; }
		}
	NFT
	spawn load g1 peer transfer "$far" 5001 -u 1000000 -d 1000000 -O
	wait_for 20 logged load holding
	[ $# = 0 ] || "$@" || fail "$name: $*"
	signal load
	finish load 20 || true
	wait_for 20 no_flows p1
}

in_network() { ${uplink_ns:+ip netns exec "$uplink_ns"} "$@"; }
tracked() { in_network grep -q "ESTABLISHED src=$G1 .*dport=5001" /proc/net/nf_conntrack; }
not_tracked() { ! in_network grep "ESTABLISHED src=$G1 .*dport=5001" /proc/net/nf_conntrack; }

# What was sent and does not count as having arrived.
ends_told() { echo $(($(stat_of p1 path_probe_tx) - $(stat_of p1 path_probe_rx))); }

# Who tracks connections hears of their end; where nobody does, nothing is sent for it.
case_ends() {
	local ends
	after_end nat tracked
	not_tracked || fail "tracked after its end"
	change_uplinks del
	undo_topology
	# In another namespace, behind a device that takes the entry from a packet.
	after_end netns tracked
	not_tracked || fail "tracked after its end"
	change_uplinks del
	undo_topology
	ends=$(ends_told)
	after_end bridge
	assert_eq "$(ends_told)" "$ends" "ends that the switch was told of"
}

# --- what a path would go past

# refused COMMAND... -- COMMAND...: after the first there is no path, after the second there is.
refused() {
	local did=() counted
	while [ "$1" != -- ]; do
		did+=("$1")
		shift
	done
	shift
	counted=$(stat_of p1 path_refused_filter)
	log "${did[*]}"
	"${did[@]}"
	within_1s more path_refused_filter "$counted"
	wait_for 5 virtuosoctl flow show port p1
	[ "$(path_mss)" = null ] || fail "there is a path: $(virtuosoctl flow show port p1)"
	"$@"
	flowing
}

policer() { tc filter add dev "$1" "$2" matchall action police rate 900mbit burst 1m; }
classify() { tc qdisc add dev "$1" clsact; }
unclassify() { tc qdisc del dev "$1" clsact; }

case_refuse() {
	begin vxlan 80000000
	classify p1
	refused policer p1 ingress -- unclassify p1
	# What comes in, too.
	classify p1
	refused policer p1 egress -- unclassify p1
	refused tc qdisc add dev p1 root tbf rate 900mbit burst 1m latency 50ms -- tc qdisc del dev p1 root
	classify tun0
	refused policer tun0 egress -- unclassify tun0
	nft add table netdev t
	refused nft 'add chain netdev t f { type filter hook egress device tun0 priority 0; }' -- nft delete table netdev t
	# The operator does not mind.
	classify tun0
	change_uplinks del
	virtuosoctl uplink add up0 bypass on
	policer tun0 egress
	pause 1.1
	flowing
}

# --- who is not in the tunnel

case_attack() {
	local taken differ
	set_up vxlan
	change_uplinks add
	capture tap 2000
	spawn load g1 peer transfer "$far" 5001 -u 100000 -d 100000 -O
	wait_for 20 logged load holding
	end_capture tap
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

start_topologies
"case_$1"
case $1 in
attack|ends|nat|netns|steady|timeout) ;;
*) end ;;
esac
