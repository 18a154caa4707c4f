#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: vm
# limit: 240
#
# A virtual machine is killed in mid-transfer: its flows end, its memory is let go, others do
# not notice, and the port serves its next machine.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001
netem delay 1ms rate 200mbit
spawn up g1 peer transfer $PEER 5001 -u 2000000000 -n 4
spawn down peer peer transfer $G1 5001 -d 2000000000 -n 4
spawn other g2 peer transfer $PEER 5001 -u 5000000 -d 5000000
wait_for 20 has_flows p1
kill -9 "$(guest-machine pid g1)"
wait_for 20 port_is p1 detached
wait_for 20 no_flows p1
finish other 60 || fail "$(cat "$(log_of other)")"
spawn_place=()
start_vms
serve s1 g1 5001
transfer peer $G1 5001 -u 100000 -d 100000
