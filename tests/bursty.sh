#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# limit: 900
#
# Eight ports that have their bursts of requests one after the other, so that no two coincide, on the core that they
# share; and the same bursts of each on a core that it has for itself, as it would with a stack of its own. The CPU
# time of cores is the scheduler's count, in a machine whose clock counts instructions.
#
# A stack that is to answer at once keeps its core awake between its bursts. It does here, with the
# longest poll-us there is, in both arrangements; and cores that sleep at once are the second pair.
#
# The machine has one CPU: a core has what the others leave. Whatever is to be done elsewhere (clients, their peers, their
# network) comes first. So where a core polls all the time, it uses less than all the time, by as much in total as
# the others need for all bursts: a little more than it would be for eight on CPUs of their own.

. "$(dirname "$0")/lib.sh"

PORTS=8 BURSTS=50 REQUESTS=8
PERIOD_US=10000				# of each port; poll-us cannot be more
SLOT_US=$((PERIOD_US / PORTS))

cpu_time() {
	local ns
	read -r ns _ < "/proc/$(pgrep -x vho_core/0)/schedstat"
	echo "$ns"
}

# The core polls no more.
asleep() { grep -q '^State:.[ID]' "/proc/$(pgrep -x vho_core/0)/status"; }

# bursts NUMBER...: of these ports, each at its time. Sets $used, the core's CPU time in us, and $p99 of the worst of
# them, in 1/10 us.
bursts() {
	local before i us uptime worst=0 pids=()
	for i; do
		spawn "client$i" "g$i" chrt -f 50 rpc bursts $PEER 6000 -a "$WORK/begin$i" -p $PERIOD_US \
			-n $REQUESTS -r $BURSTS
		wait_for 30 logged "client$i" connected
		pids+=("$(cat "$WORK/client$i.pid")")
	done
	wait_for 30 asleep
	before=$(cpu_time)
	# No other program is started from here on: whatever this does itself would delay the core.
	read -r uptime _ < /proc/uptime
	us=$((10#${uptime/./} * 10000 + 200000))
	for i; do
		echo $((us + (i - 1) * SLOT_US)) > "$WORK/begin$i"
	done
	kill -USR1 "${pids[@]}"
	read -rt $((BURSTS * PERIOD_US / 1000000 + 2)) -u "$never" || true
	p99=0
	for i; do
		finish "client$i" 60 || fail "$(cat "$(log_of "client$i")")"
	done
	wait_for 30 asleep
	used=$((($(cpu_time) - before) / 1000))
	for i; do
		tail -n 1 "$(log_of "client$i")" > "$WORK/report"
		assert_eq "$(jq .requests "$WORK/report")" $((BURSTS * REQUESTS)) "requests of client$i"
		p99=$(jq --argjson most "$p99" '[.p99_us * 10 | floor, $most] | max' "$WORK/report")
		worst=$(sed -n 2p "$(log_of "client$i")" | jq --argjson most "$worst" '[.longest_us | ceil, $most] | max')
	done
	# So that no two coincide.
	assert_le "$worst" $SLOT_US "us, the longest burst"
}

# Both arrangements. Sets $apart and $together, the CPU time of cores in us; the same for p99.
compare() {
	local i
	virtuosoctl core set 0 poll-us "$1"
	bursts $(seq $PORTS)
	together=$used p99_together=$p99
	apart=0 p99_apart=0
	for ((i = 1; i <= PORTS; i++)); do
		bursts "$i"
		apart=$((apart + used))
		[ "$p99" -le "$p99_apart" ] || p99_apart=$p99
	done
	log "poll-us $1: $PORTS ports with $BURSTS bursts of $REQUESTS requests in $((BURSTS * PERIOD_US / 1000)) ms:" \
		"own cores $apart us, p99 $((p99_apart / 10)) us; one core $together us, p99 $((p99_together / 10)) us"
}

start
for ((i = 3; i <= PORTS; i++)); do
	make_container "g$i" "p$i" "10.7.0.1$i"
done
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
# Whoever comes first does not wait for the end of a system call or of a batch.
echo full > /sys/kernel/debug/sched/preempt
chrt -i -p 0 "$(pgrep -x vho_core/0)"
for pid in $(pgrep -x 'backlog_napi/0|ksoftirqd/0'); do
	chrt -f -p 50 "$pid"
done
exec {never}<> <(:)
spawn server peer chrt -f 50 rpc serve 6000
wait_for 30 logged server listening

log "cores that stay awake"
compare $PERIOD_US
assert_le $((3 * together)) $apart "us, three times the time of the core that is shared"
assert_le $((10 * p99_together)) $((12 * p99_apart)) "tenths of 1/10 us, the p99"

log "cores that sleep at once"
compare 0
# What each has to do is the same, whoever else is on the core.
assert_le $((10 * together)) $((11 * apart)) "tenths of us, the time of the core that is shared"
