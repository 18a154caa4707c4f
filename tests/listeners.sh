#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# Listeners: TCP_DEFER_ACCEPT, and net.virtuoso.enabled of a live namespace.

. "$(dirname "$0")/lib.sh"

# Answers each connection with what it says first, and how long accept() took after the start.
# shellcheck disable=SC2016
server='
import socket, sys, time
s = socket.create_server(("0.0.0.0", 5002))
s.setsockopt(socket.SOL_TCP, socket.TCP_DEFER_ACCEPT, int(sys.argv[1]))
print("listening", flush=True)
while True:
    c, _ = s.accept()
    print("accepted", flush=True)
    c.sendall(c.recv(100))
    c.close()
'
client='
import socket, sys
c = socket.create_connection((sys.argv[1], 5002), timeout=60)
print("connected", flush=True)
sys.stdin.readline()
c.sendall(b"hello")
assert c.recv(10) == b"hello"
'
native_children() { on g1 awk '$1 == "native_child" { print $2 }' /proc/net/virtuoso; }
# Connections of the guest's listener that the host holds back.
pending() { virtuosoctl -j listener show port p1 | jq "map(select(.lport == 5002)) | .[0].pending"; }
is_pending() { [ "$(pending)" = "$1" ]; }

start
log "TCP_DEFER_ACCEPT: accept() returns when data is there, and at once then"
spawn deferred g1 python3 -u -c "$server" 60
wait_for 20 logged deferred listening
mkfifo $WORK/go
exec {go}<> $WORK/go
ip netns exec peer python3 -u -c "$client" $G1 < $WORK/go > $WORK/client.log 2>&1 &
wait_for 20 grep -q connected $WORK/client.log
wait_for 10 is_pending 1
! logged deferred accepted || fail "accepted without data"
echo >&$go
wait_for 5 logged deferred accepted
wait $! || fail "$(cat $WORK/client.log)"
assert_eq "$(native_children)" 0 "native connections"

log "switched off: listeners are native, connections stay"
serve s1 g1 5001
serve sp peer 5001
netem delay 1ms rate 50mbit
spawn long peer peer transfer $G1 5001 -u 10000000
wait_for 20 has_flows p1 established
netem delay 0ms
on g1 sysctl -qw net.virtuoso.enabled=0
assert_eq "$(virtuosoctl -j listener show port p1 | jq length)" 0 "listeners that the host knows"
before=$(stat_of p1 sp_established)
transfer peer $G1 5001 -u 100000 -d 100000
transfer g1 $PEER 5001 -u 100000 -d 100000
assert_eq "$(stat_of p1 sp_established)" "$before" "connections of the host"
assert_ge "$(native_children)" 1 "native connections"
finish long 40 || fail "$(cat "$(log_of long)")"

log "and on again"
on g1 sysctl -qw net.virtuoso.enabled=1
transfer peer $G1 5001 -u 100000 -d 100000
assert_eq "$(stat_of p1 sp_established)" $((before + 1)) "connections of the host"
