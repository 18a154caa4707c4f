#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 240
#
# Several cores serve one port at once: its connections are divided among them, groups of them move while
# they transfer, and nothing is lost. What the port is entitled to is divided, too.

# shellcheck disable=SC2034 # for lib.sh
PORT_OPTIONS="cores 2"
. "$(dirname "$0")/lib.sh"

BYTES=$((1000000 / SLOW))	# of a connection, each way

served_by() { virtuosoctl -j port show "$1" | jq -c '.[0].served_by'; }
served_by_two() { [ "$(virtuosoctl -j port show "$1" | jq '.[0].served_by | unique | length')" = 2 ]; }
port_cores() { virtuosoctl -j port show p1 | jq '.[0].cores'; }
turns_of() { virtuosoctl -j core show | jq ".[] | select(.index == $1).turns"; }
flow_cores() { virtuosoctl -j flow show port p1 | jq '[.[].core | numbers] | unique | length'; }
spread() { [ "$(flow_cores)" = 2 ]; }

# Both directions, connections that the guest opens and others that it accepts.
start_transfers() {
	spawn t1 g1 peer transfer $PEER 5001 -n 4 -u $BYTES -d $BYTES -t $((60 * SLOW))
	spawn t2 peer peer transfer $G1 5001 -n 4 -u $BYTES -d $BYTES -t $((60 * SLOW))
}

end_transfers() {
	local t
	for t in t1 t2; do
		finish $t 90 || { tail -n 5 "$(log_of $t)"; fail "transfer $t"; }
		log "$t: $(tail -n 1 "$(log_of $t)")"
	done
	wait_for 20 no_flows p1
}

often() { [ -e "$WORK/rounds" ] && [ "$(cat "$WORK/rounds")" -ge 3 ]; }

start
serve sp peer 5001
serve s1 g1 5001

log "how many cores a port may have, and what makes no sense"
assert_eq "$(port_cores)" 2 "cores that may serve p1"
fails_with "cannot change while a driver runs" virtuosoctl port set p1 cores 3
fails_with "cores: .*1 to 8" virtuosoctl port add p9 vm cores 9
fails_with "1900 permille needs 3 cores, the port may have 2" virtuosoctl port set p1 guarantee 190%
fails_with "2500 permille needs 3 cores, the port may have 2" virtuosoctl port set p1 limit 250%
fails_with "150 permille left" virtuosoctl port set p1 guarantee 150%
assert_eq "$(virtuosoctl -j port show p1 | jq '.[0].guarantee_permille')" 0 "guarantee of p1"
virtuosoctl port set p1 limit 150%
virtuosoctl port set p1 limit 0
virtuosoctl save > "$WORK/saved"
grep -q "^port add p1 .* cores 2$" "$WORK/saved" || fail "$(cat "$WORK/saved")"

log "a port without a driver changes it at any time"
virtuosoctl port add p9 vm
virtuosoctl port set p9 cores 8
virtuosoctl port set p9 cores 3 limit 220%
fails_with "2200 permille needs 3 cores, the port may have 2" virtuosoctl port set p9 cores 2
assert_eq "$(virtuosoctl -j port show p9 | jq -c '.[0] | [.cores, (.served_by | length)]')" "[3,3]" "cores of p9"
virtuosoctl port del p9

if [ "$(nproc)" = 1 ]; then
	log "one core serves both groups"
	start_transfers
	end_transfers
	exit 0
fi

log "two cores serve one port"
virtuosoctl core set cpus 0-1 min 2 max 2
virtuosoctl port set p1 guarantee 150%
served_by_two p1
fails_with "permille left" virtuosoctl port set p1 core 0
before0=$(turns_of 0) before1=$(turns_of 1)
virtuosoctl port set p1 bit-rate 20M
start_transfers
wait_for 30 spread
log "p1 is served by $(served_by p1), turns $before0 and $before1"
virtuosoctl port set p1 bit-rate 0
end_transfers
log "then $(turns_of 0) and $(turns_of 1)"
assert_ge "$(turns_of 0)" $((before0 + 20)) "turns of core 0"
assert_ge "$(turns_of 1)" $((before1 + 20)) "turns of core 1"

log "its groups move together and apart during transfers"
cat > "$WORK/moves" <<-'END'
	port set p1 guarantee 0
	port set p1 core 1
	port set p1 core 0
	port set p1 core auto guarantee 150%
	port set p1 guarantee 0
	port set p1 core 1
	port set p1 core auto guarantee 150%
END
virtuosoctl port set p1 bit-rate 20M
start_transfers
repeat "$WORK/moves"
wait_for 60 often
virtuosoctl port set p1 bit-rate 0
enough || fail "$(cat "$(log_of batch)")"
end_transfers
log "moved $rounds times; sent again: $(stat_of p1 fp_retrans_segs)"

log "a core ends while both are at work"
virtuosoctl port set p1 guarantee 0
start_transfers
virtuosoctl core set min 1 max 1
virtuosoctl core set min 2 max 2
end_transfers

log "the driver goes while both are at work"
virtuosoctl port set p1 guarantee 150%
virtuosoctl port set p1 bit-rate 20M
start_transfers
wait_for 30 spread
virtuosoctl port del p1
signal t1 KILL || true
signal t2 KILL || true
fails_with "no port named p1" virtuosoctl port show p1
