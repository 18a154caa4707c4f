# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the integration tests share. A test is a script tests/NAME.sh whose head says
# in which modes it runs (container: the guest is a network namespace, vm: a KVM guest):
#
#	# mode: container vm	(counted: containers, on one CPU whose clock counts instructions)
#	# when: named		(optional: it takes minutes; not run with all the others)
#	# cases: loss reorder	(optional: the script runs once for each, as $1)
#	# limit: 120		(optional: seconds, default 120)
#	# kernel: TEXT		(optional: what the kernel complains about there whoever uses it, see tests/machine)
#
# It sources this file, calls start, and then speaks of places: host, g1 and g2 (the
# guests), peer (an ordinary Linux namespace), all in the bridge br0:
#
#	host 10.7.0.1   peer 10.7.0.2   g1 10.7.0.11   g2 10.7.0.12
#
# A test that wants more of its containers' ports sets PORT_OPTIONS (of port add) before. Any command that
# fails ends the test. A third mode, native, gives the guests ordinary
# namespaces without Virtuoso, to see that a test asks no more than Linux's own TCP does;
# it runs the tests that are for both modes.

set -eEuo pipefail
shopt -s inherit_errexit

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/common.sh"

TOP=$VIRTUOSO_TOP
MODE=${VIRTUOSO_MODE:-container}		# container, vm or native
[ $MODE != counted ] || MODE=container		# as container, in a machine whose clock counts instructions
MODULES=${VIRTUOSO_MODULES:-$TOP}		# where host/ and guest/ hold the modules
GUEST_MODULES=${VIRTUOSO_GUEST_MODULES:-$MODULES}	# the same for virtual machines,
GUEST_KERNEL=${VIRTUOSO_GUEST_KERNEL:-${VIRTUOSO_KERNEL-}}	# and their kernel
SLOW=${VIRTUOSO_SLOW:-1}			# factor for time limits: debug kernels are slow
WORK=/run/virtuoso-test				# files of the test that runs
PATH=$TOP/tools/virtuosoctl:$TOP/tests:$TOP/scripts:$PATH:/usr/sbin:/sbin
HOST=10.7.0.1 HOST_MAC=02:00:0a:07:00:01 PEER=10.7.0.2 G1=10.7.0.11 G2=10.7.0.12
export LC_ALL=C

trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: failed ($?): $BASH_COMMAND" >&2' ERR

# --- saying and checking

log() { printf '[%6.2f] %s\n' "$(cut -d' ' -f1 /proc/uptime)" "$*"; }

fail() {
	log "FAILED at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*"
	trap - ERR
	exit 1
}

assert_eq() { [ "$1" = "$2" ] || fail "${3:-}: $1 is not $2"; }
assert_ge() { [ "$1" -ge "$2" ] || fail "${3:-}: $1 is less than $2"; }
assert_le() { [ "$1" -le "$2" ] || fail "${3:-}: $1 is more than $2"; }

# fails_with TEXT COMMAND...: COMMAND must fail and say TEXT (a basic regular expression).
fails_with() {
	local text=$1 out
	shift
	if out=$("$@" 2>&1); then
		fail "succeeded, but was to fail: $*"
	fi
	grep -q -- "$text" <<< "$out" || fail "\"$*\" did not say \"$text\" but: $out"
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; looks 20 times a second.
wait_for() {
	local limit=$(($1 * SLOW)) end never
	end=$((SECONDS + limit))
	shift
	exec {never}<> <(:)
	until ("$@") > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "after $limit s still not: $*"
		read -rt 0.05 -u "$never" || true
	done
	exec {never}>&-
}

# --- places

# on PLACE COMMAND [ARG]...: run it there, with its output and exit status.
on() {
	local place=$1
	shift
	case $MODE-$place in
	*-host) "$@" ;;
	vm-g[0-9]) guest-machine run "$place" -t $((120 * SLOW)) "$(printf '%q ' "$@")" ;;
	*) ip netns exec "$place" "$@" ;;
	esac
}

# The directory $place_dir of PLACE holds the files of what was spawned there; the
# place itself knows it as $place_out.
files_of() {
	case $MODE-$1 in
	vm-g[0-9]) place_dir=$(guest-machine dir "$1") place_out=/out ;;
	*) place_dir=$WORK place_out=$WORK ;;
	esac
}

declare -A spawn_place

# spawn NAME PLACE COMMAND [ARG]...: in the background; see log_of, finish, signal.
spawn() {
	local name=$1 place=$2 place_dir place_out run
	shift 2
	files_of "$place"
	rm -f "$place_dir/$name".*
	run="$(printf '%q ' "$@") > $place_out/$name.log 2>&1 < /dev/null &
		echo \$! > $place_out/$name.pid.new
		mv $place_out/$name.pid.new $place_out/$name.pid
		wait \$!
		echo \$? > $place_out/$name.status.new
		mv $place_out/$name.status.new $place_out/$name.status"
	spawn_place[$name]=$place
	case $MODE-$place in
	vm-g[0-9]) guest-machine run "$place" "setsid bash -c $(printf %q "$run") > /dev/null 2>&1 < /dev/null &" ;;
	*-host) setsid bash -c "$run" > /dev/null 2>&1 < /dev/null & ;;
	*) ip netns exec "$place" setsid bash -c "$run" > /dev/null 2>&1 < /dev/null & ;;
	esac
	wait_for 30 test -e "$place_dir/$name.pid"
}

log_of() {
	local place_dir place_out
	files_of "${spawn_place[$1]}"
	echo "$place_dir/$1.log"
}

# signal NAME [SIGNAL]
signal() {
	local place_dir place_out
	files_of "${spawn_place[$1]}"
	on "${spawn_place[$1]}" kill "-${2:-TERM}" "$(cat "$place_dir/$1.pid")"
}

# finish NAME SECONDS: wait for its end; returns its exit status, 128 + signal if killed.
finish() {
	local place_dir place_out
	files_of "${spawn_place[$1]}"
	wait_for "$2" test -e "$place_dir/$1.status"
	return "$(cat "$place_dir/$1.status")"
}

logged() { grep -q -- "$2" "$(log_of "$1")"; }

# --- connections

# serve NAME PLACE PORT [OPTION]...: the peer program as a server.
serve() {
	local name=$1 place=$2
	shift 2
	spawn "$name" "$place" peer serve "$@"
	wait_for 30 logged "$name" listening
}

# transfer PLACE ADDRESS PORT [OPTION]...: verified, see "peer"; prints its last line.
transfer() {
	local place=$1 out
	shift
	if ! out=$(on "$place" peer transfer "$@" -t $((50 * SLOW)) 2>&1); then
		tail -n 15 <<< "$out"
		fail "transfer from $place to $*"
	fi
	log "$place to $*: $(tail -n 1 <<< "$out")"
}

# --- what the host says

stat_of() { virtuosoctl -j stats show port "$1" | jq ".[0].stats.$2"; }

# The payload bytes of a port that went through the fast path, both ways.
bytes_of() {
	[ $MODE != native ] || { echo 0; return; }
	echo $(($(stat_of "$1" fp_rx_bytes) + $(stat_of "$1" fp_tx_bytes)))
}

# carried PORT BEFORE BYTES: so many have gone through the fast path since bytes_of said BEFORE.
carried() {
	[ $MODE = native ] || assert_ge $(($(bytes_of "$1") - $2)) "$3" "bytes through the fast path for $1"
}

# nr_flows PORT [STATE]...: flows of a port in any of these states (default: all but TIME-WAIT).
nr_flows() {
	local port=$1 filter='select(.state != "time-wait")'
	shift
	if [ $MODE = native ]; then
		ip netns exec "g${port#p}" ss -Htn state connected exclude time-wait | wc -l
		return
	fi
	[ $# = 0 ] || filter="select(.state | IN($(printf '"%s",' "$@" | sed 's/,$//')))"
	virtuosoctl -j flow show port "$port" | jq "[.[] | $filter] | length"
}

no_flows() { [ "$(nr_flows "$@")" = 0 ]; }
has_flows() { [ "$(nr_flows "$@")" != 0 ]; }

port_state() { virtuosoctl -j port show "$1" | jq -r '.[0].state'; }
port_is() { [ "$(port_state "$1")" = "$2" ]; }

# CPU time of the cores' threads, ns.
cpu_time() {
	local pid total=0 ns
	for pid in $(pgrep '^vho_core/'); do
		read -r ns _ < "/proc/$pid/schedstat"
		total=$((total + ns))
	done
	echo $total
}

# --- in the background

# repeat FILE: the commands of FILE, for virtuosoctl, over and over; enough ends that, sets $rounds, and fails
# if one of them failed.
repeat() {
	rm -f "$WORK/enough" "$WORK/rounds"
	spawn batch host bash -c "n=0; until [ -e $WORK/enough ]; do
		virtuosoctl -batch $1 || exit; n=\$((n + 1)); echo \$n > $WORK/rounds; done"
}

enough() {
	touch "$WORK/enough"
	finish batch 30 || return
	# shellcheck disable=SC2034 # for the test
	rounds=$(cat "$WORK/rounds")
}

# moves PORT COUNT: commands for so many moves to core 1 and back.
moves() {
	local i
	for ((i = 0; i < $2; i++)); do
		printf 'port set %s core 1\nport set %s core 0\n' "$1" "$1"
	done
}

# --- the network

# load MODULE-FILE [PARAMETER]...: with what it depends on.
load() {
	local deps
	deps=$(modinfo -F depends "$1" | tr , ' ')
	# shellcheck disable=SC2086 # a list of modules
	[ -z "$deps" ] || modprobe -a $deps
	insmod "$@"
}

# shellcheck disable=SC2120 # parameters are for tests
# The core is not where emulated guests run (see guest-machine).
load_host() {
	local cpus=()
	[ $MODE != vm ] || ! emulated || cpus=(cpus=0)
	load "$MODULES/host/virtuoso_host.ko" "${cpus[@]}" "$@"
}

# shellcheck disable=SC2120
load_guest() {
	modprobe virtio_vdpa
	load "$MODULES/guest/virtuoso_guest.ko" "$@"
}

# A namespace NAME with ADDRESS, by a veth pair in the bridge.
make_peer() {
	local name=$1 address=$2
	ip netns add "$name"
	ip link add "$name-br" type veth peer name eth0 netns "$name"
	ip link set "$name-br" master br0 up
	ip -n "$name" addr add "$address/24" dev eth0
	ip -n "$name" link set lo up
	ip -n "$name" link set eth0 up
}

# Its address is its own: else it is the least one of its ports', which come and go, and neighbours would know an old one.
make_bridge() {
	ip link add br0 address $HOST_MAC type bridge mcast_snooping 0
	ip addr add $HOST/24 dev br0
	ip link set br0 up
	make_peer peer $PEER
}

# netem OPTION...: on both directions of the peer's link, packet by packet.
netem() {
	local dev
	for dev in "ip netns exec peer tc qdisc replace dev eth0" "tc qdisc replace dev peer-br"; do
		$dev root netem limit 10000 "$@"
	done
	ip netns exec peer ethtool -K eth0 tso off gso off gro off > /dev/null
	ethtool -K peer-br tso off gso off gro off > /dev/null
}

# --- containers

make_container() {
	local name=$1 port=$2 address=$3 dev
	ip netns add "$name"
	# shellcheck disable=SC2086 # several words
	dev=$(virtuosoctl -j port add "$port" container ${PORT_OPTIONS-} | jq -r '.[0].guest_dev')
	ip link set "$port" up
	[ ! -e /sys/class/net/br0 ] || ip link set "$port" master br0
	ip link set "$dev" netns "$name" name eth0
	ip -n "$name" addr add "$address/24" dev eth0
	ip -n "$name" link set lo up
	ip -n "$name" link set eth0 up
	wait_for 10 port_is "$port" running
}

kill_in_netns() {
	local pids
	pids=$(ip netns pids "$1")
	# shellcheck disable=SC2086 # a list of processes
	[ -z "$pids" ] || kill -9 $pids 2> /dev/null || true
}

netns_idle() { [ -z "$(ip netns pids "$1")" ]; }

delete_netns() {
	[ -e "/run/netns/$1" ] || return 0
	kill_in_netns "$1"
	wait_for 10 netns_idle "$1"
	ip netns del "$1"
}

delete_ports() {
	local port
	[ -e /sys/module/virtuoso_host ] || return 0
	for port in $(virtuosoctl -j port show | jq -r '.[].name'); do
		virtuosoctl port del "$port"
	done
}

# A namespace that was deleted lets go of its sockets in its own time.
unload() {
	[ ! -e "/sys/module/$1" ] || wait_for 20 rmmod "$1"
}

# --- virtual machines; they live on from test to test as long as they are well

start_vm() {
	local name=$1 port=$2
	shift 2
	make_vm_port "$port"
	# shellcheck disable=SC2046 # several arguments
	guest-machine start "$name" -n -k "$GUEST_KERNEL" "$@" -- $(qemu_device "$port")
}

# A port of type vm, if there is none with its device, in the bridge.
make_vm_port() {
	if [ -e "/run/$1.json" ] && ! [ -e "/sys/bus/mdev/devices/$(jq -r '.[0].uuid' "/run/$1.json")" ]; then
		virtuosoctl port del "$1" 2> /dev/null || true
	fi
	virtuosoctl -j port show "$1" > /dev/null 2>&1 || virtuosoctl -j port add "$1" vm > "/run/$1.json"
	ip link set "$1" master br0 up
}

# QEMU's arguments for it; the device can be unplugged.
qemu_device() { echo "$(jq -r '.[0].qemu' "/run/$1.json"),bus=rp0"; }

# await_guest NAME SECONDS START-COMMAND...: until a guest that START-COMMAND has started takes commands. Below
# emulation a guest may be lost while it boots (Documentation/bench.rst, "Guests that are lost"). It is
# started again then, twice at most, and the log says so.
await_guest() {
	local name=$1 limit=$2 tries=1
	shift 2
	until guest-machine wait "$name" "$limit"; do
		[ $tries -lt 3 ] && emulated || fail "guest $name does not boot"
		tries=$((tries + 1))
		log "guest $name did not boot: start $tries"
		guest-machine kill "$name"
		"$@"
	done
}

# The guest's modules and network, once it is up. $GUEST_PARAMS are the driver's parameters.
init_vm() {
	local name=$1 port=$2 address=$3
	await_guest "$name" $((150 * SLOW)) start_vm "$name" "$port"
	guest-machine run "$name" "insmod $GUEST_MODULES/guest/virtuoso_guest.ko ${GUEST_PARAMS-}"
	init_vm_link "$name" "$port" "$address"
}

init_vm_link() {
	guest-machine run "$1" "ip link set vn0 name eth0; ip addr add $3/24 dev eth0; ip link set eth0 up"
	wait_for 10 port_is "$2" running
}

vm_is_well() {
	[ "$(guest-machine run "$1" -t 20 "cat /sys/class/net/eth0/operstate" 2> /dev/null)" = up ]
}

start_vms() {
	local fresh='' g
	for g in 1 2; do
		! vm_is_well g$g || continue
		guest-machine kill g$g 2> /dev/null || true
		start_vm g$g p$g
		fresh="$fresh $g"
	done
	for g in $fresh; do
		init_vm g$g p$g 10.7.0.1$g
	done
}

# --- start and clean-up

start() {
	rm -rf "$WORK"
	mkdir -p "$WORK"
	if [ $MODE = native ]; then
		make_bridge
		make_peer g1 $G1
		make_peer g2 $G2
		return
	fi
	[ -e /sys/module/virtuoso_host ] || load_host
	if [ $MODE = container ]; then
		[ -e /sys/module/virtuoso_guest ] || load_guest
		make_bridge
		make_container g1 p1 $G1
		make_container g2 p2 $G2
	else
		[ -e /sys/class/net/br0 ] || make_bridge
		start_vms
	fi
}

# After a test. Containers: everything goes, modules, too.
clean_up() {
	local ns
	if [ $MODE = vm ]; then
		tc qdisc del dev peer-br root 2> /dev/null || true
		ip netns exec peer tc qdisc del dev eth0 root 2> /dev/null || true
		kill_in_netns peer
		# Guests live on; what the test left running in them does not.
		for ns in g1 g2; do
			guest-machine run $ns -t 30 'for p in peer rpc nginx iperf3 curl python3; do pkill -9 -x $p; done; true' || true
		done
		return 0
	fi
	for ns in $(ip netns list | cut -d' ' -f1); do
		delete_netns "$ns"
		# A socket that still retransmits keeps the namespace, and the link's other end, alive.
		ip link del "$ns-br" 2> /dev/null || true
	done
	[ ! -e /sys/class/net/br0 ] || ip link del br0
	delete_ports
	unload virtuoso_guest
	unload virtuoso_host
}

# After the last test: the virtual machines, too.
clean_up_all() {
	local g
	for g in g1 g2; do
		guest-machine stop $g 2> /dev/null || true
	done
	MODE=container
	clean_up
}

# --- a web server

# make_web_files PLACE BYTES COUNT: the same ones every time; large, and COUNT small ones.
make_web_files() {
	local place_dir place_out i
	files_of "$1"
	mkdir -p "$place_dir/web/small"
	openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff -iv 00 -nosalt \
		-in /dev/zero 2> /dev/null | head -c "$2" > "$place_dir/web/large" || true
	for ((i = 1; i <= $3; i++)); do
		head -c $((i * 97 % 20000)) "$place_dir/web/large" > "$place_dir/web/small/$i"
	done
}

# What the client must get: checksums of the large file, and of the small ones in a row.
web_sums() {
	local place_dir place_out
	files_of "$1"
	sha256sum < "$place_dir/web/large"
	for ((i = 1; i <= $2; i++)); do cat "$place_dir/web/small/$i"; done | sha256sum
}

# start_nginx PLACE: serves these files on port 80.
start_nginx() {
	local place_dir place_out
	files_of "$1"
	cat > "$place_dir/web.conf" <<-CONF
		user root;
		worker_processes 1;
		daemon off;
		pid $place_out/nginx.master;
		events { worker_connections 2048; }
		http {
			access_log off;
			sendfile on;
			client_body_temp_path /tmp/nginx-body;
			proxy_temp_path /tmp/nginx-proxy;
			fastcgi_temp_path /tmp/nginx-fastcgi;
			uwsgi_temp_path /tmp/nginx-uwsgi;
			scgi_temp_path /tmp/nginx-scgi;
			server { listen 80 backlog=2048; root $place_out/web; }
		}
	CONF
	spawn nginx "$1" nginx -e stderr -c "$place_out/web.conf"
	wait_for 20 on "$1" bash -c "ss -Hltn | grep -q ':80 '"
}
