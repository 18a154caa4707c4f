#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# Taking a port away from a VMM that has its device open (vmm.py stands for one): not by accident, at once
# when it lets go, and without harm when it does not.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0
mkdir -p "$WORK"
load_host
modprobe vfio_iommu_type1

no_port() { ! virtuosoctl port show "$1"; }
no_mdev() { [ ! -e "/sys/bus/mdev/devices/$uuid" ]; }
driver_gone() { [ ! -e "/sys/bus/mdev/devices/$uuid/driver" ]; }

# open_port NAME [stubborn]: sets $uuid
open_port() {
	uuid=$(virtuosoctl -j port add "$1" vm | jq -r '.[0].uuid')
	spawn vmm host vmm.py "$uuid" "${@:2}"
	wait_for 20 logged vmm open
	port_is "$1" attached || fail "$1 is $(port_state "$1")"
}

log "a VMM that lets go"
open_port e0
fails_with "in use" virtuosoctl port del e0
port_is e0 attached || fail "it was taken away"
virtuosoctl port del e0 force
finish vmm 10
logged vmm asked || fail "the VMM was not asked"
no_port e0 && no_mdev || fail "something is left"

log "removed through sysfs"
open_port e1
echo 1 > "/sys/bus/mdev/devices/$uuid/remove"
finish vmm 10
port_is e1 detached || fail "e1 is $(port_state e1)"
virtuosoctl port del e1

log "unbound through sysfs"
open_port e2
echo "$uuid" > /sys/bus/mdev/drivers/virtuoso_vfio/unbind
finish vmm 10
virtuosoctl port del e2
no_mdev || fail "the device is left"

log "a device that nobody has open"
uuid=$(virtuosoctl -j port add e3 vm | jq -r '.[0].uuid')
virtuosoctl port del e3
no_port e3 && no_mdev || fail "something is left"

log "a VMM that does not let go"
open_port e4 stubborn
fails_with "does not let go" virtuosoctl port del e4 force
logged vmm asked || fail "the VMM was not asked"
port_is e4 attached || fail "it was taken away"
signal vmm KILL
wait_for 20 driver_gone
virtuosoctl port del e4
no_port e4 && no_mdev || fail "something is left"
unload virtuoso_host
