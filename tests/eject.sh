#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 150
#
# A port is taken away from a guest at work. Its connections fail, at both ends; its sockets go on natively;
# nothing is left on the host. In virtual machines: by netlink and by sysfs, and the machine gets another port
# while it runs. With containers also: VMMs that have a device open (vmm.py stands for them) do not lose it by
# accident, let go of it at once, or do not, which does no harm.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0

no_port() { ! virtuosoctl port show "$1" > /dev/null 2>&1 && [ ! -e "/sys/class/net/$1" ]; }
no_mdev() { [ ! -e "/sys/bus/mdev/devices/$uuid" ]; }
driver_gone() { [ ! -e "/sys/bus/mdev/devices/$uuid/driver" ]; }
# nothing_left PORT, whose device was $uuid
nothing_left() {
	no_port "$1" || fail "port $1 is still there"
	no_mdev || fail "the mediated device of $1 is still there"
}
uuid_of() { virtuosoctl -j port show "$1" | jq -r '.[0].uuid'; }
peer_has_none() { [ -z "$(on peer ss -Htn dst $G1)" ]; }

# --- a guest at work

moving() { [ $(($(bytes_of p1) - bytes)) -gt 4000000 ]; }

# Both ways; connections that come and go; one on which nothing moves.
work() {
	serve server g1 5001
	bytes=$(bytes_of p1)
	spawn up g1 peer transfer $PEER 5001 -u 2000000000 -n 2
	spawn down peer peer transfer $G1 5001 -d 2000000000 -n 2
	spawn short g1 peer transfer $PEER 5001 -k 1000000 -u 10 -d 10
	spawn reuse g1 reuse.py $PEER 5001
	wait_for 20 logged reuse connected
	wait_for 20 moving
}

# fails_by_reset NAME: what was spawned ends with an error.
fails_by_reset() {
	local status=0
	finish "$1" 20 || status=$?
	assert_eq $status 1 "exit status of $1"
	grep -qi 'ECONNRESET\|connection reset' "$(log_of "$1")" || fail "$1: $(cat "$(log_of "$1")")"
}

# After the port is gone.
goes_on() {
	local name
	for name in up down; do
		fails_by_reset $name
	done
	! finish short 20 || fail "short: $(cat "$(log_of short)")"
	finish reuse 30 || fail "reuse: $(cat "$(log_of reuse)")"
	wait_for 20 peer_has_none
	# The listener and new sockets are native, as if they had never been anything else.
	transfer g1 127.0.0.1 5001 -u 100000 -d 100000
	fails_with "unreachable" on g1 bash -c "exec 3<> /dev/tcp/$PEER/5001"
	signal server
	on peer ping -q -c 2 -i 0.1 -W 2 $HOST > /dev/null
}

test_container() {
	log "a container loses its port"
	work
	virtuosoctl port del p1
	no_port p1 || fail "it is still there"
	goes_on
	transfer g2 $PEER 5001 -u 100000 -d 100000
}

# --- a virtual machine

# Memory that its VMM has pinned for the device.
locked_kib() { awk '/^VmLck:/ { print $2 }' "/proc/$qemu/status"; }
none_locked() { [ "$(locked_kib)" = 0 ]; }
has_link() { on g1 test -e /sys/class/net/vn0; }

lost() {
	wait_for 10 none_locked
	assert_eq "$(guest-machine pid g1)" "$qemu" "QEMU of the machine"
	on g1 true
	goes_on
}

plug() {
	make_vm_port p1
	guest-machine plug g1 "$(qemu_device p1 | sed 's/^-device //')"
	wait_for 20 has_link
	init_vm_link g1 p1 $G1
}

test_vm() {
	qemu=$(guest-machine pid g1)
	log "a virtual machine loses its port"
	work
	uuid=$(uuid_of p1)
	assert_ge "$(locked_kib)" 1000 "KiB of memory locked"
	fails_with "in use" virtuosoctl port del p1
	port_is p1 running || fail "p1 is $(port_state p1)"
	virtuosoctl port del p1 force
	nothing_left p1
	lost

	log "it gets another, and loses the device by sysfs"
	plug
	work
	uuid=$(uuid_of p1)
	echo 1 > "/sys/bus/mdev/devices/$uuid/remove"
	port_is p1 detached || fail "p1 is $(port_state p1)"
	no_mdev || fail "the mediated device is still there"
	no_flows p1 || fail "flows are left"
	lost
	virtuosoctl port del p1

	log "and another"
	plug
	transfer g1 $PEER 5001 -u 100000 -d 100000
}

# --- VMMs of all kinds

# open_port NAME [stubborn]: sets $uuid
open_port() {
	uuid=$(virtuosoctl -j port add "$1" vm | jq -r '.[0].uuid')
	spawn "vmm-$1" host vmm.py "$uuid" "${@:2}"
	wait_for 20 logged "vmm-$1" open
	port_is "$1" attached || fail "$1 is $(port_state "$1")"
}

# The VMM of a port was asked, and has let go.
has_let_go() {
	finish "vmm-$1" 10
	logged "vmm-$1" asked || fail "the VMM of $1 was not asked"
}

test_vmms() {
	local stubborn
	log "a VMM that does not let go"
	open_port e4 stubborn
	stubborn=$uuid
	spawn del host virtuosoctl port del e4 force
	wait_for 10 logged vmm-e4 asked

	log "a VMM that lets go"
	open_port e0
	fails_with "in use" virtuosoctl port del e0
	port_is e0 attached || fail "it was taken away"
	virtuosoctl port del e0 force
	has_let_go e0
	nothing_left e0

	log "removed through sysfs"
	open_port e1
	echo 1 > "/sys/bus/mdev/devices/$uuid/remove"
	has_let_go e1
	port_is e1 detached || fail "e1 is $(port_state e1)"
	virtuosoctl port del e1
	nothing_left e1

	log "unbound through sysfs"
	open_port e2
	echo "$uuid" > /sys/bus/mdev/drivers/virtuoso_vfio/unbind
	has_let_go e2
	virtuosoctl port del e2
	nothing_left e2

	log "a device that nobody has open"
	uuid=$(virtuosoctl -j port add e3 vm | jq -r '.[0].uuid')
	virtuosoctl port del e3
	nothing_left e3

	log "the one that does not"
	! finish del 30 || fail "its port was deleted"
	logged del "does not let go" || fail "$(cat "$(log_of del)")"
	fails_with "in use" virtuosoctl port del e4
	port_is e4 attached || fail "it was taken away"
	fails_with "in use" rmmod virtuoso_host
	signal vmm-e4 KILL
	uuid=$stubborn
	wait_for 20 driver_gone
	virtuosoctl port del e4
	nothing_left e4
}

start
serve sp peer 5001
netem delay 1ms rate 200mbit
if [ $MODE = vm ]; then
	test_vm
else
	modprobe vfio_iommu_type1
	test_container
	test_vmms
fi
