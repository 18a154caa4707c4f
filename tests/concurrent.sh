#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 90
#
# 200 connections at once, in each role.

. "$(dirname "$0")/lib.sh"
start
serve sp peer 5001
serve s1 g1 5001
before=$(bytes_of p1)
transfer g1 $PEER 5001 -n 200 -u 100000 -d 100000
transfer peer $G1 5001 -n 200 -u 100000 -d 100000
carried p1 "$before" 80000000
wait_for 20 no_flows p1
