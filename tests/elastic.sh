#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 480
#
# Cores come and go, and ports move between them, while connections transfer: nothing stands still,
# every connection lives on. Without work no core uses CPU time.

. "$(dirname "$0")/lib.sh"

BYTES=$((4000000 / SLOW))	# of a connection, each way

core_of() { virtuosoctl -j port show "$1" | jq '.[0].core'; }
port_on() { [ "$(core_of "$1")" = "$2" ]; }
nr_cores() { virtuosoctl -j core show | jq length; }
cores_are() { [ "$(nr_cores)" = "$1" ]; }
core_sum() { virtuosoctl -j core show | jq "map(.$1) | add"; }
nstat_of() { ip netns exec "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'; }

# What tells of loss or of a change of places: segments that Virtuoso sent again, those that
# its peers did, and those that came early.
troubles() {
	echo "$(stat_of p1 fp_retrans_segs) $(stat_of p2 fp_retrans_segs)" \
		"$(nstat_of peer TcpRetransSegs) $(nstat_of peer TcpExtTCPOFOQueue)"
}

# Both guests, both directions, several connections each, in the background.
start_transfers() {
	spawn t1 g1 peer transfer $PEER 5001 -n 4 -u $BYTES -d $BYTES -t $((60 * SLOW))
	spawn t2 peer peer transfer $G1 5001 -n 4 -u $BYTES -d $BYTES -t $((60 * SLOW))
	spawn t3 g2 peer transfer $PEER 5001 -n 4 -u $BYTES -d $BYTES -t $((60 * SLOW))
}

transferring() { local t; for t in t1 t2 t3; do [ -e "$WORK/$t.status" ] || return 0; done; return 1; }
bytes() { echo $(($(bytes_of p1) + $(bytes_of p2))); }
went_on() { [ "$(bytes)" -gt "$seen" ] || ! transferring; }

# Until the transfers have ended; they never stand still for long.
watch_transfers() {
	while transferring; do
		seen=$(bytes)
		wait_for 5 went_on
	done
}

end_transfers() {
	local t
	for t in t1 t2 t3; do
		finish $t 60 || { tail -n 5 "$(log_of $t)"; fail "transfer $t"; }
		log "$t: $(tail -n 1 "$(log_of $t)")"
	done
	wait_for 20 no_flows p1
	wait_for 20 no_flows p2
}

rate() { local port; for port in p1 p2; do virtuosoctl port set $port bit-rate "$1"; done; }
often() { [ -e "$WORK/rounds" ] && [ "$(cat "$WORK/rounds")" -ge 3 ]; }

# meanwhile FILE: a batch of commands, over and over while the transfers last, which are held back
# until it has run some times.
meanwhile() {
	rate 50M
	start_transfers
	repeat "$1"
	wait_for 60 often
	rate 0
	watch_transfers
	enough || fail "$(cat "$(log_of batch)")"
	end_transfers
	log "$1: $rounds times"
}

if [ "$(nproc)" = 1 ]; then
	log "this machine has one CPU: no cores to choose from"
	exit 0
fi
start
serve sp peer 5001
serve s1 g1 5001
exec {never}<> <(:)

log "what makes no sense changes nothing"
before=$(virtuosoctl core pool)
fails_with "min is out of range" virtuosoctl core set min 0
fails_with "max is out of range" virtuosoctl core set cpus 0-1 max 3
fails_with "not a list of CPUs" virtuosoctl core set cpus x
fails_with "at least 1000 permille above" virtuosoctl core set remove-idle 100%
fails_with "there is no core 7" virtuosoctl port set p1 core 7
assert_eq "$(virtuosoctl core pool)" "$before" "the set of cores"

log "a port moves from core to core and back during transfers"
virtuosoctl core set cpus 0-1 min 2 max 2
assert_eq "$(nr_cores)" 2 "number of cores"
moves p1 5 > "$WORK/moves"
before=$(troubles)
meanwhile "$WORK/moves"
after=$(troubles)
log "sent again by p1, p2, peer; early at peer: $before, then $after"
[ "${after% *}" != "${before% *}" ] ||
	assert_eq "${after##* }" "${before##* }" "segments that came early though none was sent again"
port_on p1 0
virtuosoctl port set p1 core auto
virtuosoctl -j port show p1 | jq -e '.[0].pinned | not' > /dev/null

log "cores end and begin during transfers"
printf 'core set max 1 min 1\ncore set max 2 min 2\n' > "$WORK/changes"
meanwhile "$WORK/changes"

log "cores follow the load"
spawn monitor host virtuosoctl -j monitor cores
monitor_hears() {
	virtuosoctl core set max 2 min 2
	virtuosoctl core set min 1 max 1
	logged monitor '"event":"cores-scaled"'
}
wait_for 10 monitor_hears
scaled_to() { grep -c "\"event\":\"cores-scaled\",\"cores\":$1," "$(log_of monitor)" || true; }
added() { [ "$(scaled_to 2)" -gt "$before" ]; }
virtuosoctl core set cpus 0-1 max 2 add-idle 95% remove-idle 195% holdoff 10ms
# Both ports have to be busy at a time, which on a slow machine takes more than one round now and then.
for ((i = 0; i < 2; i++)); do
	before=$(scaled_to 2)
	for ((round = 0; round < 5; round++)); do
		BYTES=$((4 * BYTES)) start_transfers
		watch_transfers
		end_transfers
		! added || break
	done
	wait_for 5 added
	wait_for 20 cores_are 1
done
signal monitor

log "an idle system sleeps"
seen=$(core_sum turns) before=$(cpu_time)
read -rt 2 -u "$never" || true
used=$(($(cpu_time) - before))
log "$used ns of CPU time in 2 s, $(($(core_sum turns) - seen)) turns"
assert_le $used $((10000000 * SLOW)) "CPU time of idle cores"

log "a guarantee takes a port to a core that can give it, a new one if need be"
virtuosoctl core set add-idle 20% remove-idle 125% holdoff 100ms
virtuosoctl port set p1 guarantee 50%
virtuosoctl port set p2 guarantee 50%
assert_eq "$(nr_cores)" 2 "number of cores"
[ "$(core_of p1)" != "$(core_of p2)" ] || fail "both guarantees on core $(core_of p1)"
fails_with "400 permille left" virtuosoctl port set p2 core "$(core_of p1)"
virtuosoctl port set p1 core "$(core_of p1)" guarantee 30%
virtuosoctl port set p2 core "$(core_of p1)"
fails_with "was placed there" virtuosoctl port set p1 guarantee 50%
virtuosoctl port set p2 core auto guarantee 0%
virtuosoctl port set p1 core auto guarantee 0%
wait_for 10 cores_are 1
