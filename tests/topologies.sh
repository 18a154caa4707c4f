# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# Networks between the port p1 of g1 and the namespace "peer", which is outside: all it shares
# with the host is a cable, whose ends are the host's up0 and its eth0. To be sourced behind lib.sh.
#
#	g1 -- p1 -- the topology -- up0 === eth0 -- what undoes it -- peer
#
# After start_topologies, topology_NAME sets one up from nothing, and undo_topology removes any of them;
# set_up NAME does the first, and starts a server at the peer (5001). Then
#
#	$far		peer's address, as g1 sees it
#	$near $port	g1's address and the port of its server (5001), as peer sees them
#	$uplinks	what is to be uplinks; in the namespace $uplink_ns, if that is not empty

OUT_HOST=192.0.2.1 OUT_PEER=192.0.2.2 OUT_HOST6=fd00:7::1 OUT_PEER6=fd00:7::2
VNI=42

# --- all of them

# Modules, and g1 with its server.
start_topologies() {
	trap undo_topology EXIT
	rm -rf "$WORK"
	mkdir -p "$WORK"
	load_host
	load_guest
	make_container g1 p1 $G1
	serve s1 g1 5001
}

set_up() {
	"topology_$1"
	serve sp peer 5001
	on g1 ip route replace default via $HOST
}

# change_uplinks add|del
change_uplinks() {
	local dev
	for dev in $uplinks; do
		virtuosoctl uplink "$1" "$dev" ${uplink_ns:+netns "$uplink_ns"}
	done
}

undo_topology() {
	local dev
	[ ! -x /usr/bin/ovs-vsctl ] || stop_ovs
	nft flush ruleset 2> /dev/null || true
	flush_legacy
	ip addr flush dev p1 2> /dev/null || true
	ip route flush dev p1 2> /dev/null || true
	delete_netns switch
	for dev in tun0 br0 br1 bond0 va0 up0 up1; do
		ip link del $dev 2> /dev/null || true
	done
	delete_netns peer
	# The next peer has another Ethernet address.
	ip -n g1 neigh flush dev eth0 2> /dev/null || true
}

# --- looking at the wire

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

# --- pieces

make_uplink() {
	far=$PEER near=$G1 port=5001 uplinks=up0 uplink_ns=''
	ip netns add peer
	ip link add up0 type veth peer name eth0 netns peer
	ip link set up0 up
	ip -n peer link set lo up
	ip -n peer link set eth0 up
}

# make_switch [OPTION]...: a bridge with p1 in it.
make_switch() {
	ip link add br0 type bridge mcast_snooping 0 "$@"
	ip link set br0 up
	ip link set p1 master br0
}

# plug DEVICE: into the bridge.
plug() { ip link set "$1" master br0 up; }

# Addresses for the outside of tunnels.
make_outside() {
	ip addr add $OUT_HOST/24 dev up0
	ip addr add $OUT_HOST6/64 dev up0 nodad
	ip -n peer addr add $OUT_PEER/24 dev eth0
	ip -n peer addr add $OUT_PEER6/64 dev eth0 nodad
}

# peer_dev DEVICE ARGUMENT...: "ip link add" at the peer, and it is up.
peer_dev() {
	ip -n peer link add "$@"
	case $1 in
	link) ip -n peer link set "$4" up ;;
	*) ip -n peer link set "$1" up ;;
	esac
}

# peer_address DEVICE: where peer's address is.
peer_address() { ip -n peer addr add $PEER/24 dev "$1"; }

# tunnel TYPE OPTION...: tun0 at both ends; "local" and "remote" in front of addresses of the host's end.
tunnel() {
	local type=$1
	shift
	ip link add tun0 type "$type" "$@"
	set -- "${@/#$OUT_HOST/x}"
	set -- "${@/#$OUT_PEER/$OUT_HOST}"
	set -- "${@/#x/$OUT_PEER}"
	peer_dev tun0 type "$type" "$@"
	ip link set tun0 up
}

# Another cable, up1 and eth1.
second_link() {
	ip link add up1 type veth peer name eth1 netns peer
	ip link set up1 up
	ip -n peer link set eth1 up
}

# --- bridges

topology_bridge() {
	make_uplink
	make_switch
	plug up0
	peer_address eth0
}

topology_vlan_filter() {
	make_uplink
	make_switch vlan_filtering 1
	plug up0
	bridge vlan add dev p1 vid 7 pvid untagged
	bridge vlan del dev p1 vid 1
	bridge vlan add dev up0 vid 7
	peer_dev link eth0 name eth0.7 type vlan id 7
	peer_address eth0.7
}

topology_vlan_uplink() {
	make_uplink
	make_switch
	ip link add link up0 name up0.7 type vlan id 7
	plug up0.7
	peer_dev link eth0 name eth0.7 type vlan id 7
	peer_address eth0.7
}

topology_qinq() {
	make_uplink
	make_switch
	ip link add link up0 name up0.9 type vlan proto 802.1ad id 9
	ip link set up0.9 up
	ip link add link up0.9 name up0.9.7 type vlan id 7
	plug up0.9.7
	peer_dev link eth0 name eth0.9 type vlan proto 802.1ad id 9
	peer_dev link eth0.9 name eth0.9.7 type vlan id 7
	peer_address eth0.9.7
}

topology_macvlan() {
	make_uplink
	make_switch
	ip link add link up0 name mv0 type macvlan mode passthru
	plug mv0
	peer_address eth0
}

# --- bridges with other uplinks

topology_vlan_device() {
	topology_vlan_uplink
	uplinks=up0.7
}

# Active and backup; the peer's switch takes either.
topology_bond() {
	make_uplink
	second_link
	make_switch
	ip link add bond0 type bond mode active-backup miimon 50
	ip link set up0 down
	ip link set up1 down
	ip link set up0 master bond0
	ip link set up1 master bond0
	ip link set bond0 type bond active_slave up0
	plug bond0
	peer_dev pbr type bridge mcast_snooping 0
	ip -n peer link set eth0 master pbr
	ip -n peer link set eth1 master pbr
	peer_address pbr
	uplinks=bond0
}

# From one bridge to another.
topology_veth() {
	make_uplink
	make_switch
	ip link add br1 type bridge mcast_snooping 0
	ip link set br1 up
	ip link add va0 type veth peer name va1
	plug va0
	ip link set va1 master br1 up
	ip link set up0 master br1
	peer_address eth0
	uplinks=va0
}

# The other bridge, and the uplink, are in another namespace.
topology_netns() {
	make_uplink
	make_switch
	ip netns add switch
	ip link set up0 netns switch
	ip -n switch link add br1 type bridge mcast_snooping 0
	ip -n switch link set br1 up
	ip link add va0 type veth peer name va1 netns switch
	plug va0
	ip -n switch link set va1 master br1 up
	ip -n switch link set up0 master br1 up
	peer_address eth0
	uplink_ns=switch
}

# --- tunnels in a bridge

topology_vxlan() {
	make_uplink
	make_outside
	make_switch
	tunnel vxlan id $VNI local $OUT_HOST remote $OUT_PEER dstport 4789 "$@"
	plug tun0
	peer_address tun0
}

topology_vxlan_csum() { topology_vxlan udpcsum; }

topology_vxlan6() {
	make_uplink
	make_outside
	make_switch
	ip link add tun0 type vxlan id $VNI local $OUT_HOST6 remote $OUT_PEER6 dstport 4789
	peer_dev tun0 type vxlan id $VNI local $OUT_PEER6 remote $OUT_HOST6 dstport 4789
	plug tun0
	peer_address tun0
}

# A VLAN of the bridge goes on in the tunnel, and the tunnel in a VLAN of the uplink.
topology_vlan_in_vxlan() {
	make_uplink
	ip link add link up0 name up0.9 type vlan id 9
	ip link set up0.9 up
	ip addr add $OUT_HOST/24 dev up0.9
	peer_dev link eth0 name eth0.9 type vlan id 9
	ip -n peer addr add $OUT_PEER/24 dev eth0.9
	make_switch vlan_filtering 1
	tunnel vxlan id $VNI local $OUT_HOST remote $OUT_PEER dstport 4789
	plug tun0
	bridge vlan add dev p1 vid 7 pvid untagged
	bridge vlan del dev p1 vid 1
	bridge vlan add dev tun0 vid 7
	peer_dev link tun0 name tun0.7 type vlan id 7
	# VXLAN does not count the inner tag: who says nothing has all of it in fragments.
	ip -n peer link set tun0.7 mtu 1446
	peer_address tun0.7
}

# One tunnel device for all networks: the bridge maps VLANs to VNIs.
topology_vxlan_external() {
	make_uplink
	make_outside
	make_switch vlan_filtering 1
	ip link add tun0 type vxlan external local $OUT_HOST dstport 4789
	plug tun0
	bridge link set dev tun0 vlan_tunnel on
	bridge vlan add dev p1 vid 7 pvid untagged
	bridge vlan del dev p1 vid 1
	bridge vlan add dev tun0 vid 7
	bridge vlan add dev tun0 vid 7 tunnel_info id $VNI
	bridge fdb append 00:00:00:00:00:00 dev tun0 dst $OUT_PEER src_vni $VNI
	peer_dev tun0 type vxlan id $VNI local $OUT_PEER remote $OUT_HOST dstport 4789
	peer_address tun0
}

topology_geneve() {
	make_uplink
	make_outside
	make_switch
	ip link add tun0 type geneve id $VNI remote $OUT_PEER
	peer_dev tun0 type geneve id $VNI remote $OUT_HOST
	plug tun0
	peer_address tun0
}

topology_geneve6() {
	make_uplink
	make_outside
	make_switch
	ip link add tun0 type geneve id $VNI remote $OUT_PEER6
	peer_dev tun0 type geneve id $VNI remote $OUT_HOST6
	plug tun0
	peer_address tun0
}

# tunnel6 TYPE OPTION...: tun0 at both ends.
tunnel6() {
	local type=$1
	shift
	ip link add tun0 type "$type" local $OUT_HOST6 remote $OUT_PEER6 "$@"
	peer_dev tun0 type "$type" local $OUT_PEER6 remote $OUT_HOST6 "$@"
	ip link set tun0 up
}

topology_gretap6() {
	make_uplink
	make_outside
	make_switch
	tunnel6 ip6gretap key $VNI
	plug tun0
	peer_address tun0
}

topology_gretap6_csum() {
	make_uplink
	make_outside
	make_switch
	tunnel6 ip6gretap csum encaplimit none
	plug tun0
	peer_address tun0
}

topology_gretap() {
	make_uplink
	make_outside
	make_switch
	tunnel gretap local $OUT_HOST remote $OUT_PEER key $VNI
	plug tun0
	peer_address tun0
}

topology_gretap_csum() {
	make_uplink
	make_outside
	make_switch
	tunnel gretap local $OUT_HOST remote $OUT_PEER csum
	plug tun0
	peer_address tun0
}

# --- routing: the host is g1's gateway

make_gateway() {
	make_uplink
	sysctl -qw net.ipv4.ip_forward=1
	ip addr add $HOST/24 dev p1
	far=$OUT_PEER
}

topology_route() {
	make_gateway
	make_outside
	ip -n peer route add 10.7.0.0/24 via $OUT_HOST
}

# Out by one uplink, in by another.
topology_uplinks() {
	make_gateway
	make_outside
	second_link
	ip addr add 192.0.3.1/24 dev up1
	ip -n peer addr add 192.0.3.2/24 dev eth1
	ip -n peer route add 10.7.0.0/24 via 192.0.3.1
	uplinks="up0 up1"
}

# iptables_nat VARIANT TARGET...: TARGET is what is done to sources.
iptables_nat() {
	local command=iptables-$1
	shift
	make_gateway
	make_outside
	$command -t nat -A PREROUTING -i up0 -p tcp --dport 8080 -j DNAT --to-destination $G1:5001
	$command -t nat -A POSTROUTING -o up0 -j "$@"
	$command -A FORWARD -m conntrack --ctstate INVALID -j DROP
	near=$OUT_HOST port=8080
}

topology_iptables_nft() { iptables_nat nft MASQUERADE; }
topology_iptables_legacy() { iptables_nat legacy SNAT --to-source $OUT_HOST; }

# What is legacy is not in nft's ruleset.
flush_legacy() {
	[ -e /sys/module/iptable_filter ] || return 0
	iptables-legacy -F
	[ ! -e /sys/module/iptable_nat ] || iptables-legacy -t nat -F
}

# Has a rule of the topology met packets that are invalid?
met_invalid() {
	nft list ruleset | grep 'ct state invalid counter packets [1-9]' ||
		iptables-nft -nvxL FORWARD 2> /dev/null | grep '^ *[1-9][0-9]* .*ctstate INVALID' ||
		{ [ -e /sys/module/iptable_filter ] && iptables-legacy -nvxL FORWARD | grep '^ *[1-9][0-9]* .*ctstate INVALID'; }
}

topology_nat() {
	make_gateway
	make_outside
	nft -f - <<-NFT
		table ip nat {
			chain inward { type nat hook prerouting priority dstnat; iifname up0 tcp dport 8080 dnat to $G1:5001; }
			chain outward { type nat hook postrouting priority srcnat; oifname up0 masquerade; }
		}
		table ip strict {
			chain forward { type filter hook forward priority filter; ct state invalid counter drop; }
		}
	NFT
	near=$OUT_HOST port=8080
}

topology_gre() {
	make_gateway
	make_outside
	ip link add tun0 type gre local $OUT_HOST remote $OUT_PEER key $VNI
	ip link set tun0 up
	peer_dev tun0 type gre local $OUT_PEER remote $OUT_HOST key $VNI
	ip addr add 198.51.100.1/24 dev tun0
	ip -n peer addr add 198.51.100.2/24 dev tun0
	ip -n peer route add 10.7.0.0/24 dev tun0
	far=198.51.100.2
}

topology_gre6() {
	make_gateway
	make_outside
	tunnel6 ip6gre key $VNI
	ip addr add 198.51.100.1/24 dev tun0
	ip -n peer addr add 198.51.100.2/24 dev tun0
	ip -n peer route add 10.7.0.0/24 dev tun0
	far=198.51.100.2
}

# The route says which tunnel, which network, and which options.
topology_geneve_options() {
	make_gateway
	make_outside
	ip link add tun0 type geneve external
	ip link set tun0 up
	peer_dev tun0 type geneve external
	ip addr add 198.51.100.1/32 dev tun0
	ip -n peer addr add 198.51.100.2/32 dev tun0
	ip route add 198.51.100.2/32 encap ip id $VNI dst $OUT_PEER geneve_opts 0102:80:00880022 dev tun0
	ip -n peer route add 10.7.0.0/24 encap ip id $VNI dst $OUT_HOST geneve_opts 0102:80:00880022 dev tun0
	neighbours tun0
	far=198.51.100.2
}

# neighbours DEVICE: each end of it knows the other's address, and which neighbour g1 is.
neighbours() {
	local here there
	here=$(cat "/sys/class/net/$1/address")
	there=$(ip netns exec peer cat "/sys/class/net/$1/address")
	ip neigh replace 198.51.100.2 lladdr "$there" dev "$1"
	ip -n peer neigh replace $G1 lladdr "$here" dev "$1"
	ip -n peer neigh replace 198.51.100.1 lladdr "$here" dev "$1"
}

# --- Open vSwitch

# It keeps its files in memory.
start_ovs() {
	local dir=/run/openvswitch
	mkdir -p $dir
	rm -f $dir/conf.db
	ovsdb-tool create $dir/conf.db /usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server $dir/conf.db --remote=punix:$dir/db.sock --pidfile --detach --no-chdir --log-file=/dev/null 2> /dev/null
	ovs-vsctl --no-wait init
	modprobe openvswitch
	ovs-vswitchd --pidfile --detach --no-chdir --log-file=$WORK/ovs.log 2> /dev/null
}

stop_ovs() {
	local daemon
	[ -e /run/openvswitch/ovs-vswitchd.pid ] || return 0
	ovs-appctl -t ovs-vswitchd exit --cleanup || true
	ovs-appctl -t ovsdb-server exit || true
	for daemon in ovs-vswitchd ovsdb-server; do
		wait_for 10 test ! -e /run/openvswitch/$daemon.pid
	done
}

make_ovs() {
	make_uplink
	start_ovs
	ovs-vsctl add-br ovs0 -- add-port ovs0 p1
	ip link set ovs0 up
}

topology_ovs() {
	make_ovs
	ovs-vsctl add-port ovs0 up0
	peer_address eth0
}

topology_ovs_tag() {
	make_ovs
	ovs-vsctl set port p1 tag=7 -- add-port ovs0 up0
	peer_dev link eth0 name eth0.7 type vlan id 7
	peer_address eth0.7
}

ovs_tunnel() {
	make_ovs
	make_outside
	ovs-vsctl add-port ovs0 ot0 -- set interface ot0 type="$1" options:remote_ip=$OUT_PEER options:key=$VNI
}

topology_ovs_vxlan() {
	ovs_tunnel vxlan
	peer_dev tun0 type vxlan id $VNI local $OUT_PEER remote $OUT_HOST dstport 4789
	peer_address tun0
}

topology_ovs_geneve() {
	ovs_tunnel geneve
	peer_dev tun0 type geneve id $VNI remote $OUT_HOST
	peer_address tun0
}

topology_ovs_gre() {
	ovs_tunnel gre
	peer_dev tun0 type gretap local $OUT_PEER remote $OUT_HOST key $VNI
	peer_address tun0
}
