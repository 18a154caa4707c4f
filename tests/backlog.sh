#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 90
#
# More connections than a listener takes: those it took are served once it accepts, the
# others fail or wait, and other listeners do not notice.

. "$(dirname "$0")/lib.sh"

served() { [ "$(grep -c ' ok ' "$(log_of s1)")" -ge "$1" ]; }

start
serve other g1 5002
serve s1 g1 5001 -q 4 -p
spawn crowd peer peer transfer $G1 5001 -n 15 -u 5000 -d 5000 -t 60
if [ $MODE != native ]; then
	refused=$(stat_of p1 drop_backlog)
	overloaded() { [ "$(stat_of p1 drop_backlog)" -gt "$refused" ]; }
	wait_for 20 overloaded
fi
transfer peer $G1 5002 -n 10 -u 1000 -d 1000
signal s1 USR1
wait_for 40 served 15
finish crowd 30 || fail "$(tail -n 5 "$(log_of crowd)")"
wait_for 20 no_flows p1
