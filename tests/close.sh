#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
#
# The ways in which connections end: half-close, RST from either end, close with
# data unread.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001

log "half-close by either end"
transfer g1 $PEER 5001 -u 300000 -d 3000000 -H
transfer peer $G1 5001 -u 300000 -d 3000000 -H
transfer g1 $PEER 5001 -u 0 -d 100000 -H
transfer g1 $PEER 5001 -u 100000 -d 0 -H -B

log "the peer resets, then the guest does"
transfer g1 $PEER 5001 -u 100000 -d 100000 -R
transfer g1 $PEER 5001 -u 100000 -r
wait_for 10 logged sp "ECONNRESET"
transfer peer $G1 5001 -u 100000 -d 100000 -R
transfer peer $G1 5001 -u 100000 -r
wait_for 10 logged s1 "ECONNRESET"

log "close with data unread, by the peer, then by the guest"
transfer g1 $PEER 5001 -u 5000000 -N
transfer g1 $PEER 5001 -d 5000000 -U
wait_for 10 logged sp "ECONNRESET up=0"
transfer peer $G1 5001 -u 5000000 -N
transfer peer $G1 5001 -d 5000000 -U
wait_for 10 logged s1 "ECONNRESET up=0"

log "nothing is left, and it still works"
wait_for 20 no_flows p1
transfer g1 $PEER 5001 -u 1000 -d 1000
transfer peer $G1 5001 -u 1000 -d 1000
