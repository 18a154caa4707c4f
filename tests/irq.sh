#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# Interrupts of a container's device come to the CPU where its applications work, not
# to the fast-path core that raises them.

. "$(dirname "$0")/lib.sh"
start

mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
EVENT=/sys/kernel/tracing/events/napi/napi_poll
core=$(virtuosoctl -j core show | jq '.[0].cpu')

# Polls of the guests' NAPI on each CPU.
polls() { sed -n 's/.*common_cpu: *\([0-9]*\) .*hitcount: *\([0-9]*\).*/\1 \2/p' $EVENT/hist; }

polls_on() { polls | awk -v cpu="$1" '$1 == cpu { n = $2 } END { print n + 0 }'; }

log "the core has CPU $core, the application CPU 0"
assert_ge "$core" 1 "the core's CPU"
serve sp peer 5001
echo 'hist:keys=common_cpu if dev_name == "eth0"' > $EVENT/trigger
on g1 taskset -c 0 peer transfer $PEER 5001 -u 10000000 -d 10000000
polls
assert_ge "$(polls_on 0)" 20 "polls on the application's CPU"
assert_le $(($(polls_on "$core") * 20)) "$(polls_on 0)" "twenty times the polls on the core's CPU"
echo '!hist:keys=common_cpu if dev_name == "eth0"' > $EVENT/trigger
