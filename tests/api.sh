#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 180
#
# What sockets promise to programs, call by call, for connections made and accepted.

. "$(dirname "$0")/lib.sh"
start
spawn server peer python3 -u "$TOP/tests/api.py" serve 5001
wait_for 20 logged server listening

before=$(bytes_of p1)
log "connections made"
on g1 python3 -u "$TOP/tests/api.py" check $PEER 5001 || fail "check"
log "connections accepted"
on g1 python3 -u "$TOP/tests/api.py" listen 5002 $G1 $PEER:5001 || fail "listen"
carried p1 "$before" 5000000
wait_for 20 no_flows p1
