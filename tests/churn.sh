#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 180
#
# 2,000 connections made and closed in a row leave nothing behind: no flow, no memory, no
# port number.

. "$(dirname "$0")/lib.sh"

# Pages that kernel objects take up, in KiB.
kernel_kib() {
	on "$1" awk '/^(Slab|VmallocUsed|Percpu):/ { n += $2 } END { print n }' /proc/meminfo
}

in_use() { on g1 ss -Htna state connected exclude time-wait | wc -l; }
none_in_use() { [ "$(in_use)" = 0 ]; }

start
serve sp peer 5001
serve s1 g1 5001
transfer g1 $PEER 5001 -k 200 -u 10 -d 10 -D
transfer peer $G1 5001 -k 200 -u 10 -d 10 -D
wait_for 10 no_flows p1
before=$(kernel_kib g1)
transfer g1 $PEER 5001 -k 1000 -u 100 -d 100 -D
transfer peer $G1 5001 -k 1000 -u 100 -d 100 -D
wait_for 10 no_flows p1
wait_for 10 none_in_use
after=$(kernel_kib g1)
log "kernel memory: $before KiB, then $after KiB"
# TIME-WAIT takes some; 2,000 sockets with their rings would be far more.
assert_le $((after - before)) 16000 "kernel memory left behind, in KiB"
[ $MODE = native ] || virtuosoctl -s port show p1
