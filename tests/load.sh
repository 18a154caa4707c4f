#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# Loading twice is refused with a clear message, ports come and go, and everything can be
# unloaded at the end, in either order.

. "$(dirname "$0")/lib.sh"

nr_ports() { virtuosoctl -j port show | jq length; }

log "a module cannot be loaded twice"
load_host
load_guest
fails_with "File exists" insmod "$MODULES/host/virtuoso_host.ko"
fails_with "File exists" insmod "$MODULES/guest/virtuoso_guest.ko"

log "many ports at once, many in a row"
for i in 1 2 3 4 5 6 7 8; do
	virtuosoctl port add "q$i" container > /dev/null
	virtuosoctl port add "r$i" vm > /dev/null
done
assert_eq "$(nr_ports)" 16 "number of ports"
for i in 1 2 3 4 5 6 7 8; do
	virtuosoctl port del "q$i"
	virtuosoctl port del "r$i"
done
assert_eq "$(nr_ports)" 0 "number of ports"
for i in $(seq 20); do
	virtuosoctl port add p2 vm > /dev/null
	virtuosoctl port del p2
	virtuosoctl port add p3 container > /dev/null
	virtuosoctl port del p3
done

log "unloading with ports there, in either order"
virtuosoctl port add p1 container
rmmod virtuoso_guest
virtuosoctl -j port show p1
load_guest
wait_for 10 port_is p1 running
virtuosoctl port del p1
rmmod virtuoso_host
rmmod virtuoso_guest
load_guest
load_host
virtuosoctl port add p1 container
virtuosoctl port del p1
rmmod virtuoso_guest
rmmod virtuoso_host
