# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# mode: container
# limit: 240
#
# virtuosoctl and the netlink family: what is refused says why in one line, with the
# right exit status, and changes nothing; JSON is JSON; the kernel's own netlink client works
# from our spec.

. "$(dirname "$0")/lib.sh"

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# Everything that a refused command could have changed.
snapshot() {
	{
		virtuosoctl -j port show
		virtuosoctl -j core show
	} | sed -E 's/"(flows|[a-z]+_ns|turns|wakeups)":[0-9]+//g'
	ls /sys/bus/mdev/devices /sys/bus/vdpa/devices /sys/class/net
}

# refused STATUS TEXT COMMAND...: fails with STATUS, one line that holds TEXT, and leaves
# all as it was when the caller set $state.
refused() {
	local status=$1 text=$2 out got=0
	shift 2
	out=$("$@" 2>&1 > "$WORK/stdout") || got=$?
	assert_eq "$got" "$status" "exit status of: $*"
	[[ $out != *$'\n'* ]] || fail "more than one line of complaint: $*: $out"
	[ ! -s "$WORK/stdout" ] || fail "output of a refused command: $*"
	[[ $out =~ ^virtuosoctl:\ .*$text ]] || fail "\"$*\" did not say \"$text\" but: $out"
	assert_eq "$(snapshot)" "$state" "state after: $*"
}

refused_without_module() {
	local out got=0
	out=$(virtuosoctl "$@" 2>&1) || got=$?
	assert_eq "$got" 1 "exit status without the module"
	assert_eq "$out" "virtuosoctl: kernel module virtuoso_host is not loaded (modprobe virtuoso_host)" \
		"without the module"
}

test_without_module() {
	refused_without_module port show
	refused_without_module port add x vm
	refused_without_module flow show
	refused_without_module -j core show
	refused_without_module stats
}

test_usage() {
	state=$(snapshot)
	refused 2 'no object "bogus"' virtuosoctl bogus
	refused 2 'no option' virtuosoctl -x port show
	refused 2 'no command "bogus"' virtuosoctl port bogus
	refused 2 'name of the port is missing' virtuosoctl port add
	refused 2 'type of the port' virtuosoctl port add new
	refused 2 'vm or container, not "bogus"' virtuosoctl port add new bogus
	refused 2 'makes no sense' virtuosoctl port add new container bogus
	refused 2 'is a number, not "1x"' virtuosoctl port set p1 max-flows 1x
	refused 2 'is a number, not "-1"' virtuosoctl port set p1 max-flows -1
	refused 2 'what to set' virtuosoctl port set p1
	refused 2 'not a MAC address' virtuosoctl port add new vm mac 1:2:3
	refused 2 'not an address' virtuosoctl flow show laddr 10.0.0.256
	refused 2 'state is one of' virtuosoctl flow show state bogus
	refused 2 'makes no sense' virtuosoctl port show p1 p2
	virtuosoctl help | grep -q Usage
	virtuosoctl port help | grep -q Usage
	virtuosoctl -V | grep -q '^virtuosoctl [0-9]'
}

test_ports() {
	local max='\(1 to 1048576\)'
	state=$(snapshot)
	refused 1 'no port named nope' virtuosoctl port show nope
	refused 1 'no port named nope' virtuosoctl -j port show nope
	refused 1 'no port named nope' virtuosoctl port del nope
	refused 1 'no port named nope' virtuosoctl port set nope max-flows 5
	refused 1 'no port named nope' virtuosoctl flow show port nope
	refused 1 'no port named nope' virtuosoctl -j stats show port nope
	refused 1 'port of this name exists' virtuosoctl port add p1 vm
	refused 1 'port of this name exists' virtuosoctl port add p1 container
	refused 1 'network interface of this name exists' virtuosoctl port add br0 vm
	refused 1 'network interface of this name exists' virtuosoctl port add br0 container
	refused 1 'name: .*at most 15 bytes' virtuosoctl port add abcdefghijklmnop vm
	refused 1 'invalid port name' virtuosoctl port add '' vm
	refused 1 'invalid port name' virtuosoctl port add a/b vm
	refused 1 'invalid port name' virtuosoctl port add 'a b' container
	refused 1 "max-flows: .*$max" virtuosoctl port add new vm max-flows 0
	refused 1 "max-flows: .*$max" virtuosoctl port add new vm max-flows 1048577
	refused 1 'max-flows: .*out of range' virtuosoctl port add new vm max-flows 4294967296
	refused 1 "max-flows: .*$max" virtuosoctl port set p1 max-flows 0
	refused 1 'mtu: .*\(68 to 65521\)' virtuosoctl port add new vm mtu 67
	refused 1 'mtu: .*\(68 to 65521\)' virtuosoctl port add new container mtu 65522
	refused 1 'unicast' virtuosoctl port add new vm mac 01:00:5e:00:00:01
	refused 1 'unicast' virtuosoctl port add new vm mac 00:00:00:00:00:00
	refused 1 'poll-us: .*\(0 to 10000\)' virtuosoctl core set 0 poll-us 10001
	refused 1 'no core 99' virtuosoctl core set 99 poll-us 1
	refused 1 'no core 99' virtuosoctl core show 99
}

test_privileges() {
	local denied='not permitted, this needs CAP_NET_ADMIN'
	state=$(snapshot)
	refused 1 "$denied" "${nobody[@]}" virtuosoctl port add new vm
	refused 1 "$denied" "${nobody[@]}" virtuosoctl port add new container
	refused 1 "$denied" "${nobody[@]}" virtuosoctl port set p1 max-flows 5
	refused 1 "$denied" "${nobody[@]}" virtuosoctl port del p1
	refused 1 "$denied" "${nobody[@]}" virtuosoctl core set 0 poll-us 1
	refused 1 "$denied" "${nobody[@]}" virtuosoctl flow show
	"${nobody[@]}" virtuosoctl port show | grep -q '^p1: type container'
	refused 1 'initial network namespace only' ip netns exec peer virtuosoctl port show
}

test_vm_port() {
	local uuid json
	json=$(virtuosoctl -j port add new vm mac 52:54:00:12:34:56 max-flows 7 mtu 9000)
	uuid=$(jq -r '.[0].uuid' <<< "$json")
	[ -e "/sys/bus/mdev/devices/$uuid" ] || fail "no mediated device $uuid"
	assert_eq "$(jq -r '.[0].qemu' <<< "$json")" \
		"-device vfio-pci,sysfsdev=/sys/bus/mdev/devices/$uuid"
	assert_eq "$(virtuosoctl -j port show new |
		jq -c '.[0] | [.name, .type, .uuid, .mac, .max_flows, .mtu, .state, .flows]')" \
		"[\"new\",\"vm\",\"$uuid\",\"52:54:00:12:34:56\",7,9000,\"detached\",0]"
	assert_eq "$(cat /sys/class/net/new/mtu)" 9000
	virtuosoctl port set new max-flows 8
	assert_eq "$(virtuosoctl -j port show new | jq '.[0].max_flows')" 8
	virtuosoctl port del new
	[ ! -e "/sys/bus/mdev/devices/$uuid" ] || fail "the mediated device is still there"
	[ ! -e /sys/class/net/new ] || fail "the netdev is still there"
}

# When the mediated device cannot be made, the port goes again.
test_vm_port_undone() {
	local create=/sys/class/virtuoso/virtuoso/mdev_supported_types/virtuoso-port/create
	state=$(snapshot)
	mount --bind $create $create
	mount -o remount,bind,ro $create
	refused 1 'create: Read-only file system' virtuosoctl port add new vm
	umount $create
}

test_json() {
	local opts cmd
	for opts in -j '-j -p' '-j -d' '-j -s -p'; do
		for cmd in 'port show' 'port show p1' 'flow show' 'core show' 'core show 0' stats \
			'stats show port p1 nonzero'; do
			# shellcheck disable=SC2086 # words
			virtuosoctl $opts $cmd | python3 -m json.tool > /dev/null
		done
	done
	virtuosoctl -j core set 0 poll-us 77
	assert_eq "$(virtuosoctl -j core show 0 | jq '.[0].poll_us')" 77
	virtuosoctl core set 0 poll-us 50
	assert_eq "$(virtuosoctl -j stats | jq -c 'map(.port)')" '["p1","p2"]'
	[ "$(virtuosoctl -d stats show port p1 | grep -c '   [a-z_]* *[0-9]*  [a-zA-Z]')" -gt 20 ] ||
		fail "counters are not explained"
}

nr_of() { virtuosoctl -j flow show "$@" | jq length; }

# Filters, on connections that are held open.
test_flows() {
	serve server peer 7000
	spawn client g1 peer transfer $PEER 7000 -n 3 -u 1000 -d 1000 -O -t 100
	wait_for 20 test_flows_there
	assert_eq "$(nr_of port p1 state established)" 3
	assert_eq "$(nr_of port p2)" 0
	assert_eq "$(nr_of direction active laddr $G1 raddr $PEER rport 7000)" 3
	assert_eq "$(nr_of direction passive)" 0
	assert_eq "$(nr_of raddr 10.7.0.99)" 0
	assert_eq "$(nr_of rport 7001)" 0
	assert_eq "$(virtuosoctl -j flow show | jq -c \
		'[.[] | [.port, .raddr, .rport, .owner, .core, .tx_bytes >= 1000, .rx_bytes >= 1000, .sndq_bytes]] | unique')" \
		"[[\"p1\",\"$PEER\",7000,\"core\",0,true,true,0]]"
	virtuosoctl flow show port p1
	virtuosoctl -d flow show | grep -q 'rings tx'
	assert_eq "$(virtuosoctl -j port show p1 | jq '.[0].flows')" 3
	signal client
	wait_for 20 no_flows p1
}

test_flows_there() { [ "$(nr_of port p1 state established)" = 3 ]; }

# The kernel's own netlink client, from our spec.
test_client() {
	local source
	source=$("$TOP/scripts/linux-source")
	python3 "$TOP/tests/ctl.py" "$source/tools/net/ynl" "$TOP/Documentation/netlink/specs/virtuoso.yaml"
}

unload virtuoso_guest
unload virtuoso_host
test_without_module
start
test_usage
test_ports
test_privileges
test_vm_port
test_vm_port_undone
test_json
test_flows
test_client
