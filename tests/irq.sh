#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
#
# Interrupts of a container's device come to the CPU where its applications work, not
# to the fast-path core that raises them.

. "$(dirname "$0")/lib.sh"
start

mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd /sys/kernel/tracing
core=$(virtuosoctl -j core show | jq '.[0].cpu')

# Polls of the guests' NAPI on CPU $1, also those whose records were overwritten.
polls_on() { awk '/^(entries|overrun):/ { n += $2 } END { print n + 0 }' "per_cpu/cpu$1/stats"; }

log "the core has CPU $core, the application CPU 0"
assert_ge "$core" 1 "the core's CPU"
serve sp peer 5001
echo > trace
echo 'dev_name == "eth0"' > events/napi/napi_poll/filter
echo 1 > events/napi/napi_poll/enable
on g1 taskset -c 0 peer transfer $PEER 5001 -u 10000000 -d 10000000
echo 0 > events/napi/napi_poll/enable
echo 0 > events/napi/napi_poll/filter
log "polls on CPU 0: $(polls_on 0), on the core's: $(polls_on "$core")"
assert_ge "$(polls_on 0)" 20 "polls on the application's CPU"
assert_le $(($(polls_on "$core") * 20)) "$(polls_on 0)" "twenty times the polls on the core's CPU"
