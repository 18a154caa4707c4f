#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
#
# Connections of each kind are carried where they should be: through Virtuoso to and
# from other machines, natively inside the guest, and both at once for one listener.

. "$(dirname "$0")/lib.sh"
start

log "guest to peer, peer to guest, guest to guest"
serve sp peer 5001
serve s1 g1 5001
serve s2 g2 5001
b1=$(bytes_of p1) b2=$(bytes_of p2)
transfer g1 $PEER 5001 -u 100000 -d 200000
carried p1 "$b1" 300000
b1=$(bytes_of p1)
transfer peer $G1 5001 -u 100000 -d 200000
carried p1 "$b1" 300000
b1=$(bytes_of p1)
transfer g1 $G2 5001 -u 100000 -d 200000
carried p1 "$b1" 300000
carried p2 "$b2" 300000
transfer g2 $G1 5001 -u 100000 -d 200000 -B

log "inside the guest: native, also for a listener that serves the network"
b1=$(bytes_of p1)
transfer g1 127.0.0.1 5001 -u 500000 -d 500000
transfer g1 $G1 5001 -u 500000 -d 500000
assert_le $(($(bytes_of p1) - b1)) 0 "bytes of loopback connections that were offloaded"
transfer peer $G1 5001 -u 1000 -d 1000

log "what the guest's own tools say"
spawn hold g1 peer transfer $PEER 5001 -u 1000 -O
wait_for 10 logged hold holding
line=$(on g1 ss -Htn state established dst $PEER)
grep -qE "$G1(%eth0)?:.*$PEER:5001" <<< "$line" || fail "ss does not show the connection but: $line"
signal hold
finish hold 10

log "errors"
assert_eq "$(on g1 peer connect $PEER 5999)" ECONNREFUSED
assert_eq "$(on peer peer connect $G1 5999)" ECONNREFUSED
assert_eq "$(on g1 peer connect 10.7.0.99 5001)" EHOSTUNREACH
assert_eq "$(on g1 peer connect 192.0.2.1 5001)" ENETUNREACH

if [ $MODE != native ]; then
	wait_for 20 no_flows p1
	wait_for 20 no_flows p2
fi
