#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# when: named
# limit: 600
#
# What cores and ports have to bear while connections transfer: CPUs that go offline and come back, CPUs that are isolated
# for others, another pool of CPUs, ports and namespaces that are deleted while they move. And cores that poll no longer than they
# may. Every byte is verified, every connection ends well.

. "$(dirname "$0")/lib.sh"

BYTES=$((500000 / SLOW))	# of a connection, each way
CPU1=/sys/devices/system/cpu/cpu1/online
OTHERS=/sys/fs/cgroup/virtuoso-others

core_of() { virtuosoctl -j port show "$1" | jq '.[0].core'; }
core_sum() { virtuosoctl -j core show | jq "map(.$1) | add"; }
cores_on() { [ "$(virtuosoctl -j core show | jq -c '[.[].cpu] | sort')" = "$1" ]; }
cpus_of() { sed -n 's/^Cpus_allowed_list:\s*//p' "/proc/$(pgrep -x "$1")/status"; }
allowed() { [ "$(cpus_of "vho_core/$1")" = "$2" ]; }
bound_to() { allowed "$1" "$1"; }
# What tells that the core runs on this CPU now.
runs_on() { [ "$(awk '{ print $39 }' "/proc/$(pgrep -x "$1")/stat")" = "$2" ]; }

# --- transfers, held back by a rate until "enough" happened

transfers="t1 t2 t3"

rate() { local port; for port in p1 p2; do virtuosoctl port set $port bit-rate "$1"; done; }

begin_transfers() {
	rate 1M
	spawn t1 g1 peer transfer $PEER 5001 -n 4 -u $BYTES -d $BYTES -t $((120 * SLOW))
	spawn t2 peer peer transfer $G1 5001 -n 4 -u $BYTES -d $BYTES -t $((120 * SLOW))
	spawn t3 g2 peer transfer $PEER 5001 -n 4 -u $BYTES -d $BYTES -t $((120 * SLOW))
	wait_for 20 has_flows p1 established
	wait_for 20 has_flows p2 established
}

end_transfers() {
	local t
	rate 0
	for t in $transfers; do
		finish "$t" 90 || { tail -n 5 "$(log_of "$t")"; fail "transfer $t"; }
		log "$t: $(tail -n 1 "$(log_of "$t")")"
	done
	wait_for 20 no_flows p1
	wait_for 20 no_flows p2
}

# Payload goes on: more of it than now.
flowing() {
	local seen=$(($(bytes_of p1) + $(bytes_of p2)))
	went_on() { [ $(($(bytes_of p1) + $(bytes_of p2))) -gt $((seen + 10000)) ]; }
	wait_for 20 went_on
}

unfinished() { local t; for t in $transfers; do [ -e "$WORK/$t.status" ] || return 0; done; fail "the transfers have ended already"; }

# CPU 1 becomes a partition that is isolated, or a member of its parent's again.
partition() {
	echo "$1" > $OTHERS/cpuset.cpus.partition
	assert_eq "$(cat $OTHERS/cpuset.cpus.partition)" "$1" "the partition"
}

pause() { read -rt "$1" -u "$never" || true; }

if [ "$(nproc)" = 1 ]; then
	log "this machine has one CPU: none can go offline"
	exit 0
fi
start
trap 'echo 1 > $CPU1' EXIT
exec {never}<> <(:)
serve sp peer 5001
serve s1 g1 5001

log "the only CPU of the pool goes offline: its core goes on elsewhere, and is bound again"
virtuosoctl core set cpus 1 min 1 max 1
wait_for 10 cores_on '[1]'
begin_transfers
for ((round = 0; round < 3; round++)); do
	flowing
	echo 0 > $CPU1
	flowing
	runs_on vho_core/1 0
	echo 1 > $CPU1
	wait_for 10 bound_to 1
done
unfinished
end_transfers

log "one of two CPUs goes offline: its ports move to the other core, and there are two again when it is back"
virtuosoctl core set cpus 0-1 min 2 max 2
wait_for 10 cores_on '[0,1]'
begin_transfers
for ((round = 0; round < 3; round++)); do
	index=$(virtuosoctl -j core show | jq '.[] | select(.cpu == 1) | .index')
	virtuosoctl port set p1 core "$index"
	flowing
	echo 0 > $CPU1
	wait_for 10 cores_on '[0]'
	flowing
	assert_eq "$(core_of p1)" "$(core_of p2)" "where the ports are"
	echo 1 > $CPU1
	wait_for 10 cores_on '[0,1]'
done
unfinished
end_transfers
virtuosoctl port set p1 core auto

log "one of two CPUs is isolated for others: its core goes, and comes back"
echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control
mkdir $OTHERS
echo 1 > $OTHERS/cpuset.cpus
begin_transfers
for ((round = 0; round < 3; round++)); do
	flowing
	partition isolated
	wait_for 10 cores_on '[0]'
	flowing
	partition member
	wait_for 10 cores_on '[0,1]'
done
unfinished
end_transfers

log "the only CPU of the pool is isolated: its core goes on elsewhere, until it has that CPU again or is given it"
virtuosoctl core set cpus 1 min 1 max 1
wait_for 10 cores_on '[1]'
begin_transfers
flowing
partition isolated
wait_for 10 allowed 1 0
flowing
partition member
wait_for 10 bound_to 1
flowing
partition isolated
wait_for 10 allowed 1 0
virtuosoctl core set min 1
allowed 1 0
virtuosoctl core set cpus 1
wait_for 10 bound_to 1
flowing
bound_to 1
partition member
rmdir $OTHERS
unfinished
end_transfers
virtuosoctl core set cpus 0-1 min 2 max 2

log "a CPU comes and goes while ports move"
printf 'core set cpus 0 min 1 max 1\ncore set cpus 0-1 min 2 max 2\ncore set cpus 1 min 1 max 1\ncore set cpus 0-1 min 2 max 2\n' > "$WORK/pools"
begin_transfers
spawn plug host bash -c "until [ -e $WORK/enough ]; do echo 0 > $CPU1; echo 1 > $CPU1; done"
for ((round = 0; round < 4; round++)); do
	# A CPU that is offline just now may be all that a pool has: refused.
	virtuosoctl core set cpus 0 min 1 max 1
	flowing
	virtuosoctl core set cpus 0-1 min 1 max 2
	virtuosoctl core set cpus 1 min 1 max 1 || true
	flowing
	virtuosoctl core set cpus 0-1 min 2 max 2
done
touch "$WORK/enough"
finish plug 30
unfinished
end_transfers
wait_for 10 cores_on '[0,1]'

log "another pool of CPUs under load"
begin_transfers
repeat "$WORK/pools"
often() { [ -e "$WORK/rounds" ] && [ "$(cat "$WORK/rounds")" -ge 5 ]; }
wait_for 60 often
flowing
enough || fail "$(cat "$(log_of batch)")"
unfinished
end_transfers
log "$rounds times"

log "ports and namespaces are deleted while the port moves"
wait_for 10 cores_on '[0,1]'
for ((round = 0; round < 6; round++)); do
	make_container g3 p3 10.7.0.13
	spawn doomed g3 peer transfer $PEER 5001 -n 4 -u 100000000 -d 1000 -t $((60 * SLOW))
	wait_for 20 has_flows p3 established
	spawn mover host bash -c 'while virtuosoctl port set p3 core 1 && virtuosoctl port set p3 core 0; do :; done'
	if [ $((round % 2)) = 0 ]; then
		signal doomed KILL
		virtuosoctl port del p3
		finish mover 20 || true
		logged mover 'no port named p3\|is being deleted' || fail "$(cat "$(log_of mover)")"
		delete_netns g3
	else
		# The device comes back to the initial namespace; its port moves on.
		delete_netns g3
		virtuosoctl port del p3
		finish mover 20 || true
	fi
done
transfer g1 $PEER 5001 -u 100000 -d 100000
transfer g2 $PEER 5001 -u 100000 -d 100000

log "a core's thread cannot be moved by others"
pid=$(pgrep -x vho_core/1)
fails_with 'failed to set' taskset -pc 0 "$pid"
mkdir /sys/fs/cgroup/virtuoso-test
fails_with 'Invalid argument' bash -c "echo $pid > /sys/fs/cgroup/virtuoso-test/cgroup.procs"
rmdir /sys/fs/cgroup/virtuoso-test
bound_to 1

log "polling ends"
virtuosoctl core set cpus 1 min 1 max 1
wait_for 10 cores_on '[1]'
core=$(virtuosoctl -j core show | jq '.[0].index')
for poll_us in 0 1000 10000; do
	virtuosoctl core set "$core" poll-us $poll_us
	pause 0.3
	before=$(core_sum poll_ns) turns=$(core_sum turns)
	transfer g1 $PEER 5001 -u 100 -d 100
	pause 0.3
	used=$(($(core_sum poll_ns) - before)) turns=$(($(core_sum turns) - turns))
	log "poll-us $poll_us: $((used / 1000)) us polled, $turns turns"
	# A turn is followed by that much, or the next turn.
	assert_le $((used / 1000)) $((turns * poll_us + turns * 50 + 200)) "us of polling"
	[ $poll_us = 0 ] || assert_ge $((used / 1000)) $((poll_us / 2)) "us of polling"
done

log "an idle system sleeps"
before=$(cpu_time)
pause 2
used=$(($(cpu_time) - before))
log "$used ns of CPU time in 2 s"
assert_le $used $((10000000 * SLOW)) "CPU time of idle cores: 0.5 %"
