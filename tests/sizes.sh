#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# cases: small edge-triggered blocking large
# limit: 240
#
# Every byte arrives, whatever the amount and the sizes of writes, both ways and in
# both roles.

. "$(dirname "$0")/lib.sh"
start

# Around a segment's payload with and without timestamps, and around 64 KiB.
sizes="0 1 1447 1448 1449 1459 1460 1461 65535 65536 65537"
serve sp peer 5001
serve s1 g1 5001
before=$(bytes_of p1)
case $1 in
small)
	for n in $sizes; do
		transfer g1 $PEER 5001 -u "$n" -d "$n"
		transfer peer $G1 5001 -u "$n" -d "$n"
	done
	for n in 1 1448 65536; do
		transfer g1 $PEER 5001 -u "$n"
		transfer g1 $PEER 5001 -d "$n"
	done
	transfer g1 $PEER 5001 -u 3000 -d 3000 -w 1 -D
	;;
edge-triggered)
	serve e1 g1 5002 -E
	transfer g1 $PEER 5001 -u 3000000 -d 3000000 -E -n 4
	transfer peer $G1 5002 -u 3000000 -d 3000000 -n 4
	;;
blocking)
	transfer g1 $PEER 5001 -u 3000000 -d 3000000 -B
	transfer g1 $PEER 5001 -u 1 -d 1 -B -k 50
	;;
large)
	transfer g1 $PEER 5001 -u $((64 << 20))
	transfer g1 $PEER 5001 -d $((64 << 20))
	transfer peer $G1 5001 -u $((64 << 20)) -d $((64 << 20))
	carried p1 "$before" $((256 << 20))
	;;
esac
