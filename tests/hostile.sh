#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 150
#
# A VMM and a guest's driver that do everything wrong (hostile.c, hostile_driver.c), on a
# port of their own: others do not notice, nothing is left behind.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0
start
modprobe vfio_iommu_type1
serve sp peer 5001
[ "$(nproc)" = 1 ] || virtuosoctl core set cpus 0-1 min 2 max 2
virtuosoctl -j port add h0 vm > $WORK/h0.json
uuid=$(jq -r '.[0].uuid' $WORK/h0.json)
ip link set h0 master br0 up
ip -n peer neigh add 10.7.0.99 lladdr "$(virtuosoctl -j port show h0 | jq -r '.[0].mac')" dev eth0
mac=$(ip netns exec peer cat /sys/class/net/eth0/address)

spawn hostile host hostile "$uuid" 10 10.7.0.99 $PEER "$mac"
wait_for 20 logged hostile "^ok"
fails_with "in use" virtuosoctl port del h0
spawn incoming peer bash -c 'while :; do
	timeout 1 bash -c "exec 3<> /dev/tcp/10.7.0.99/5002 && echo x >&3 && read -ru 3"
done'
# While it registers and forgets regions, and resets its device, its port changes cores.
if [ "$(nproc)" != 1 ]; then
	moves h0 5 > "$WORK/moves"
	repeat "$WORK/moves"
	wait_for 20 test -e "$WORK/rounds"
fi
for ((i = 0; i < 5; i++)); do
	transfer g1 $PEER 5001 -u 1000000 -d 1000000
done
finish hostile 100 || fail "$(cat "$(log_of hostile)")"
grep -v '^ok ' "$(log_of hostile)"
signal incoming KILL
if [ "$(nproc)" != 1 ]; then
	enough
	log "moved $((rounds * 10)) times"
fi

wait_for 20 port_is h0 detached
assert_eq "$(nr_flows h0)" 0 "flows of the hostile driver"
virtuosoctl port del h0
# What is left of connections whose other end is gone would hold the guest module for minutes.
none_left() {
	ip netns exec peer ss -HKta dst 10.7.0.99 > /dev/null
	[ -z "$(ip netns exec peer ss -Hta dst 10.7.0.99)" ]
}
wait_for 20 none_left
transfer g1 $PEER 5001 -u 1000000 -d 1000000
