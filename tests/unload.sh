#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# cases: guest host both
# limit: 90
#
# rmmod in mid-transfer either refuses or ends the connections cleanly.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001
netem delay 1ms rate 200mbit
spawn up g1 peer transfer $PEER 5001 -u 2000000000 -n 4
spawn down peer peer transfer $G1 5001 -d 2000000000 -n 4
wait_for 20 has_flows p1

# try_rmmod MODULE: says if it went.
try_rmmod() {
	if rmmod "$1"; then
		log "$1 was removed"
	else
		log "$1 refuses"
	fi
}

case $1 in
guest) try_rmmod virtuoso_guest ;;
host) try_rmmod virtuoso_host ;;
both) try_rmmod virtuoso_guest; try_rmmod virtuoso_host ;;
esac
# Whichever it was: the machine is well, and both can be had again.
on peer ping -q -c 2 -i 0.1 -W 2 $HOST
kill_in_netns g1
clean_up
start
serve sp peer 5001
transfer g1 $PEER 5001 -u 100000 -d 100000
