#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: vm
# limit: 240
#
# The guest's driver goes and comes: in mid-transfer it refuses or ends cleanly; without
# it the guest is an ordinary machine, and the host is not harmed.

. "$(dirname "$0")/lib.sh"

driver_there() { guest-machine run g1 "lsmod | grep -q ^virtuoso_guest"; }

start
serve sp peer 5001
netem delay 1ms rate 200mbit
spawn up g1 peer transfer $PEER 5001 -u 2000000000 -n 4
wait_for 20 has_flows p1
if on g1 rmmod virtuoso_guest; then
	log "removed in mid-transfer"
else
	log "refuses in mid-transfer"
	signal up KILL
	finish up 20 || true
	wait_for 20 no_flows p1
	on g1 rmmod virtuoso_guest
fi
wait_for 20 no_flows p1
! port_is p1 running || fail "the port says that a driver runs"
fails_with "could not\|No such\|in use" rmmod virtuoso_host
on g1 ip -br link
init_vm g1 p1 $G1
transfer g1 $PEER 5001 -u 100000 -d 100000
