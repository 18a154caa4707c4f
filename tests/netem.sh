#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# cases: loss1 loss5 reorder duplicate corrupt delay
# limit: 240
#
# Every byte arrives over a network that loses, reorders, duplicates, corrupts or delays
# packets in both directions.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001
size=4000000
case $1 in
loss1) netem delay 1ms loss 1% ;;
loss5) netem delay 1ms loss 5%; size=1000000 ;;
reorder) netem delay 4ms reorder 75% 50% gap 3 ;;
duplicate) netem delay 1ms duplicate 5% ;;
corrupt) netem delay 1ms corrupt 1% ;;
delay) netem delay 20ms loss 1%; size=1000000 ;;
esac
before=$(bytes_of p1)
transfer g1 $PEER 5001 -u $size
transfer g1 $PEER 5001 -d $size
transfer peer $G1 5001 -u $size -d $size
transfer g1 $PEER 5001 -u 50000 -d 50000 -n 10
carried p1 "$before" $((4 * size))
case $1-$MODE in
*-native) ;;
loss*) assert_ge "$(stat_of p1 fp_retrans_segs)" 1 "segments sent again" ;;
corrupt-*) assert_ge "$(stat_of p1 drop_checksum)" 1 "segments dropped for their checksum" ;;
esac
tc -s qdisc show dev peer-br | head -n 3
