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

# Everything that a refused command could have changed: what would be saved, and the devices. No
# process but virtuosoctl is started, since this is looked at after each of them.
snapshot() {
	virtuosoctl save
	echo /sys/bus/mdev/devices/* /sys/bus/vdpa/devices/* /sys/class/net/*
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

# refused, whatever was done since $state was set.
refused_now() {
	state=$(snapshot)
	refused "$@"
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
	refused 2 'is a number .*, not "1x"' virtuosoctl port set p1 max-flows 1x
	refused 2 'is a number with %, not "1/2"' virtuosoctl port set p1 guarantee 1/2
	refused 2 'is a number with us, ms or s, not "1m"' virtuosoctl port set p1 burst 1m
	refused 2 'is not a UUID' virtuosoctl port add new vm uuid 12345678-1234-1234-1234-12345678901
	refused 2 'order is one of fair fifo' virtuosoctl core set 0 order bogus
	refused 2 'ports, guests or cores, not "bogus"' virtuosoctl monitor bogus
	refused 2 'interval is' virtuosoctl top interval 0
	refused 2 'makes no sense' virtuosoctl top bogus
	refused 2 'file is missing' virtuosoctl restore
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
	refused 1 'weight: .*\(1 to 10000\)' virtuosoctl port set p1 weight 0
	refused 1 'weight: .*\(1 to 10000\)' virtuosoctl port set p1 max-flows 5 weight 10001
	refused 1 'weight: .*\(1 to 10000\)' virtuosoctl port add new vm weight 0
	refused 1 'guarantee \(permille\): .*\(0 to 7200\)' virtuosoctl port set p1 guarantee 721%
	refused 1 'guarantee of 910 permille needs 2 cores, the port may have 1' virtuosoctl port set p1 guarantee 91%
	refused 1 'limit of 2000 permille needs 2 cores, the port may have 1' virtuosoctl port add new vm limit 200%
	refused 1 'cores: .*\(1 to 8\)' virtuosoctl port add new vm cores 9
	refused 1 'max-listeners: .*\(0 to 1024\)' virtuosoctl port set p1 max-listeners 1025
	refused 1 'max-region-bytes is out of range' virtuosoctl port set p1 weight 5 max-region-bytes 5G
	refused 1 'bit-rate is out of range' virtuosoctl port set p1 weight 5 bit-rate 99999
	refused 1 'packet-rate is out of range' virtuosoctl port add new vm packet-rate 99
	assert_eq "$(virtuosoctl -j port show p1 | jq '.[0].weight')" 100
	refused 1 'limit is below the guarantee' virtuosoctl port set p1 guarantee 50% limit 20%
	refused 1 'limit is below the guarantee' virtuosoctl port add new vm guarantee 50% limit 20%
	refused 1 'limit is below the guarantee' virtuosoctl port add new container guarantee 50% limit 20%
	refused 1 'port of type vm has a UUID' virtuosoctl port add new container \
		uuid 12345678-1234-1234-1234-123456789012
	refused 1 'port of type vm has a UUID' virtuosoctl port add new vm \
		uuid 00000000-0000-0000-0000-000000000000
	refused 1 'piece: .*\(1024 to 65536\)' virtuosoctl core set 0 piece 512
	refused 1 'debt .*\(1 to 1000000\)' virtuosoctl core set 0 debt 0
	refused 1 'No such file' virtuosoctl restore /nonexistent
	refused 1 'No such file' virtuosoctl -batch /nonexistent
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

test_budget() {
	virtuosoctl port set p1 weight 1k guarantee 16% limit 50.5% burst 1ms max-flows 2k
	assert_eq "$(virtuosoctl -j port show p1 | jq -c '.[0] |
		[.weight, .guarantee_permille, .limit_permille, .burst_us, .max_flows, (.delay | length),
			.work_ns.rx >= 0]')" '[1000,160,505,1000,2000,20,true]'
	virtuosoctl port set p1 max-listeners 7 max-region-bytes 1G conn-rate 2k bit-rate 20G packet-rate 1M
	assert_eq "$(virtuosoctl -j port show p1 | jq -c '.[0] |
		[.max_listeners, .max_region_bytes, .conn_rate, .bit_rate, .packet_rate]')" \
		'[7,1073741824,2000,20000000000,1000000]'
	virtuosoctl port set p1 max-listeners 1024 max-region-bytes 4G conn-rate 0 bit-rate 0 packet-rate 0
	refused_now 1 'core 0 has 740 permille left' virtuosoctl port set p2 guarantee 75%
	virtuosoctl port set p1 weight 100 guarantee 0% limit 0% burst 0 max-flows 16384
	virtuosoctl core set 0 piece 16k turn 10us burst 1ms debt 2ms order fifo
	assert_eq "$(virtuosoctl -j core show 0 | jq -c \
		'.[0] | [.piece_bytes, .turn_us, .burst_us, .debt_us, .order]')" '[16384,10,1000,2000,"fifo"]'
	virtuosoctl core set 0 piece 8k turn 20us burst 100us debt 10ms order fair
}

# The machine has two CPUs: a core on each, and a port that is moved from one to the other.
test_pool() {
	refused_now 1 '' virtuosoctl core set cpus 1-0
	refused_now 1 '' virtuosoctl core set cpus 0-1 min 2 max 1
	refused_now 1 '' virtuosoctl core set min 3 max 3
	refused_now 1 'no core 9' virtuosoctl port set p1 weight 9 core 9
	virtuosoctl core set cpus 0-1 min 2 max 2
	assert_eq "$(virtuosoctl -j core pool | jq -c '.[0] | [.running, .cpus, .min, .max]')" '[2,"0-1",2,2]'
	for core in $(virtuosoctl -j core show | jq '.[].index'); do
		virtuosoctl port set p1 core "$core"
		assert_eq "$(virtuosoctl -j port show p1 | jq -c '.[0] | [.core, .pinned]')" "[$core,true]"
	done
	virtuosoctl port set p1 core auto
	assert_eq "$(virtuosoctl -j port show p1 | jq -c '.[0].pinned')" false
	virtuosoctl core set all turn 25us
	assert_eq "$(virtuosoctl -j core show | jq -c 'map(.turn_us)')" '[25,25]'
	virtuosoctl core set all turn 20us
	virtuosoctl core set min 1 max 1
	wait_for 10 test_pool_is_one
}

test_pool_is_one() { [ "$(virtuosoctl -j core show | jq length)" = 1 ]; }

# Events, one line of JSON each, in the order in which things happened.
test_monitor() {
	local mac=52:54:00:00:00:77
	spawn monitor host virtuosoctl -j monitor
	wait_for 10 monitor_hears
	virtuosoctl port add ev vm mac $mac > /dev/null
	virtuosoctl port set ev weight 7
	virtuosoctl port del ev
	wait_for 10 logged monitor '"port-removed","name":"ev"'
	signal monitor
	assert_eq "$(jq -c '.[0] | select(.name == "ev") | [.event, .mac, .weight]' < "$(log_of monitor)" | tr -d '\n')" \
		"[\"port-added\",\"$mac\",100][\"port-changed\",\"$mac\",7][\"port-removed\",\"$mac\",7]"
}

# Until it has joined its groups.
monitor_hears() {
	virtuosoctl port set p2 weight 100
	logged monitor port-changed
}

test_batch() {
	local out got=0
	printf 'port set p1 weight 5 # a comment\n\nport set "p2"  weight 6\n' | virtuosoctl -batch -
	assert_eq "$(virtuosoctl -j port show | jq -c 'map(.weight)')" '[5,6]'
	printf 'port set p1 weight 7\nport set nope weight 1\nport set p2 weight 8\n' > "$WORK/batch"
	out=$(virtuosoctl -batch "$WORK/batch" 2>&1) || got=$?
	assert_eq "$got" 1 "exit status of a batch"
	assert_eq "$out" "virtuosoctl: $WORK/batch:2: there is no port named nope"
	assert_eq "$(virtuosoctl -j port show | jq -c 'map(.weight)')" '[7,6]'
	fails_with "batch:2: there is no port" virtuosoctl -force -batch "$WORK/batch"
	assert_eq "$(virtuosoctl -j port show | jq -c 'map(.weight)')" '[7,8]'
	echo 'port set p1 weight 100; bogus' > "$WORK/batch"
	fails_with "batch:1: .*is a number" virtuosoctl -batch "$WORK/batch"
	printf 'port set p1 weight 100\nport set p2 weight 100\n' | virtuosoctl -batch -
}

# What save writes makes the same configuration again, devices included.
test_restore() {
	local uuid
	virtuosoctl port add kept vm weight 7 limit 50% mtu 9000 max-flows 99 > /dev/null
	virtuosoctl core set 0 turn 30us
	virtuosoctl policy set kept default deny rule allow to 10.7.0.0/24 port 80-90 rule drop from 10.9.0.0/16
	uuid=$(virtuosoctl -j port show kept | jq -r '.[0].uuid')
	virtuosoctl save > "$WORK/saved"
	virtuosoctl save "$WORK/saved2"
	assert_eq "$(grep -c 'rule ' "$WORK/saved")" 2 "rules that were saved"
	cmp "$WORK/saved" "$WORK/saved2"
	virtuosoctl port del kept
	virtuosoctl core set 0 turn 20us
	virtuosoctl port set p1 weight 3
	virtuosoctl restore "$WORK/saved"
	[ -e "/sys/bus/mdev/devices/$uuid" ] || fail "no mediated device $uuid"
	virtuosoctl save | diff -u "$WORK/saved" -
	virtuosoctl restore "$WORK/saved"
	virtuosoctl save | diff -u "$WORK/saved" -
	virtuosoctl port del kept
	virtuosoctl core set 0 turn 20us
}

test_prometheus() {
	virtuosoctl stats -prometheus > "$WORK/prometheus"
	# Each line is a comment or a sample; each metric is described once, before its samples.
	python3 - "$WORK/prometheus" <<-'PYTHON'
		import re, sys
		kind, seen = None, set()
		for line in open(sys.argv[1]):
		    if line.startswith("# HELP "):
		        metric = line.split()[2]
		        assert metric not in seen, line
		        seen.add(metric)
		    elif line.startswith("# TYPE "):
		        assert line.split()[2] == metric and line.split()[3] in ("counter", "gauge"), line
		        assert metric.endswith("_total") == (line.split()[3] == "counter"), line
		    else:
		        m = re.fullmatch(r'(\w+)\{\w+="[^"\\\n]*"(,\w+="[^"\\\n]*")*\} [0-9.]+\n', line)
		        assert m and m[1] == metric, line
		assert len(seen) > 30
	PYTHON
	grep -q '^virtuoso_port_running{port="p1"} 1$' "$WORK/prometheus"
	grep -qE '^virtuoso_fp_rx_bytes_total\{port="p1"\} [0-9]+$' "$WORK/prometheus"
}

test_top() {
	virtuosoctl top -n 2 interval 0.2 | grep -c '^PORT' | grep -qx 2
	assert_eq "$(virtuosoctl -j top -n 1 interval 0.2 | jq -c '.[0] | [.cores[0].index, (.ports | map(.port) | sort)]')" \
		'[0,["p1","p2"]]'
}

test_listeners() {
	serve listening g1 7100
	wait_for 10 test_listener_there
	assert_eq "$(virtuosoctl -j listener show port p1 lport 7100 | jq -c '.[0] | [.port, .lport, .pending]')" \
		'["p1",7100,0]'
	assert_eq "$(virtuosoctl -j listener show port p2 | jq length)" 0
	virtuosoctl listener | grep -q '^p1 .*:7100 backlog'
	signal listening
}

test_listener_there() { [ "$(virtuosoctl -j listener show port p1 lport 7100 | jq length)" = 1 ]; }

test_tracepoints() {
	local t=/sys/kernel/tracing e
	[ -e $t/events ] || mount -t tracefs tracefs $t
	for e in vho_flow_state vho_port_turn vho_drop vho_guest_misbehaved vho_tcp_in vho_tcp_out vho_path_rx vho_path_xmit; do
		[ -e $t/events/virtuoso/$e/enable ] || fail "no tracepoint $e"
	done
	echo 1 > $t/events/virtuoso/enable
	echo > $t/trace
	on g1 peer transfer $PEER 7000 -n 1 -u 100 -d 100 -t 20
	echo 0 > $t/events/virtuoso/enable
	grep -m 1 'vho_flow_state: port=p1 .*before=syn-sent now=established' $t/trace
}

test_json() {
	local opts cmd
	for opts in -j '-j -p' '-j -d' '-j -s -p'; do
		for cmd in 'port show' 'port show p1' 'port show type vm running' 'listener show' 'flow show' 'core show' 'core show 0' stats \
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
	assert_eq "$(virtuosoctl -j port show type container running | jq -c 'map(.name)')" '["p1","p2"]'
	assert_eq "$(virtuosoctl -j port show type vm | jq -c 'map(.name)')" '[]'
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
test_budget
test_monitor
test_batch
test_restore
test_prometheus
test_top
test_pool
test_flows
test_listeners
test_tracepoints
test_client
