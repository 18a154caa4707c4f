#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 480
#
# Two guests of one machine: payload goes from ring to ring; by packets when it must, in mid-stream,
# and from ring to ring again.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0

ring_bytes() { echo $(($(stat_of "$1" join_rx_bytes) + $(stat_of "$1" join_tx_bytes))); }
parted() { echo $(($(stat_of p1 "join_part_$1") + $(stat_of p2 "join_part_$1"))); }
has_parted() { [ "$(parted "$1")" -gt "$parted" ]; }
nr_joined() { virtuosoctl -j flow show port "$1" | jq '[.[] | select(.join == "joined")] | length'; }
joined_are() { [ "$(nr_joined p1) $(nr_joined p2)" = "$1 $1" ]; }
moved() { [ $(($(ring_bytes p1) - before)) -ge "$1" ]; }
pause() { read -rt "$1" <> <(:) || true; }

# joined PORT COMMAND...: at least 98 percent of what it moves, or $percent, is moved from ring to ring.
joined() {
	local port=$1 all ring
	shift
	all=$(bytes_of "$port")
	ring=$(ring_bytes "$port")
	"$@"
	all=$(($(bytes_of "$port") - all))
	ring=$(($(ring_bytes "$port") - ring))
	log "$port: $ring of $all bytes from ring to ring"
	assert_ge $((ring * 100)) $((all * ${percent:-98})) "percent of the bytes that were joined"
}

# busy NAME: a transfer both ways in the background, joined and well under way; in no haste until
# done_well or hurry.
busy() {
	before=$(ring_bytes p1)
	virtuosoctl port set p1 bit-rate 20M
	spawn "$1" g1 peer transfer $G2 6001 -n 2 -u 20000000 -d 10000000 -t $((100 * SLOW))
	wait_for 20 moved 300000
	joined_are 2 || fail "$(virtuosoctl flow show)"
}

hurry() { virtuosoctl port set p1 bit-rate 0; }

done_well() {
	hurry
	finish "$1" 100 || fail "$(cat "$(log_of "$1")")"
	log "$1: $(tail -n 1 "$(log_of "$1")")"
}

# parts REASON COMMAND...: it separates what is joined. Prints how long that took.
parts() {
	local reason=$1 begin
	shift
	parted=$(parted "$reason")
	begin=$(date +%s%N)
	"$@"
	wait_for 5 has_parted "$reason"
	log "$reason: separated after $((($(date +%s%N) - begin) / 1000000)) ms"
}

# A port in no haste still has packets in its queue that came before.
same_as_before() {
	local before=$bytes
	bytes=$(stat_of "$1" fp_rx_bytes)
	[ "$bytes" = "$before" ]
}

# at_rest PORT...: it soon receives nothing any more, by neither way.
at_rest() {
	local port bytes i
	for port; do
		bytes=-1
		for ((i = 0; i < 10; i++)); do
			! same_as_before "$port" || break
			pause 1
		done
		[ $i -lt 10 ] || fail "$port still gets bytes through a switch that drops"
	done
}

start
serve s2 g2 6001
serve t1 g1 6002

log "bulk, both ways, either side connecting; small and odd sizes"
joined p1 transfer g1 $G2 6001 -u 3000000 -d 3000000
joined p2 transfer g2 $G1 6002 -u 3000000 -d 3000000 -B
# What is sent before both sides have their rings goes by packets.
percent=85 joined p1 transfer g1 $G2 6001 -u 99991 -d 77777 -w 333 -n 3 -D
wait_for 20 no_flows p1
wait_for 20 no_flows p2

log "the ends of connections"
transfer g1 $G2 6001 -u 1000000 -d 1000000 -H
transfer g1 $G2 6001 -u 100000 -d 100000 -R
transfer g1 $G2 6001 -u 100000 -r
wait_for 10 logged s2 ECONNRESET
transfer g1 $G2 6001 -u 5000000 -N
transfer g1 $G2 6001 -d 5000000 -U
wait_for 10 logged s2 "ECONNRESET up=0"
wait_for 20 no_flows p1
wait_for 20 no_flows p2

log "what is shown"
spawn hold g1 peer transfer $G2 6001 -u 1000 -O
wait_for 10 logged hold holding
wait_for 10 joined_are 1
virtuosoctl flow show port p1 | grep -q 'join p2 joined tx 1[0-9]* rx [0-9]* verified' ||
	fail "$(virtuosoctl flow show)"
signal hold
finish hold 10

log "the port leaves the switch, and comes back"
busy t
parts probe ip link set p2 nomaster
at_rest p1 p2
ip link set p2 master br0
done_well t

log "a rule of the switch's, one way only"
busy t
nft add table bridge virtuoso
nft add chain bridge virtuoso forward '{ type filter hook forward priority 0; }'
parts probe nft add rule bridge virtuoso forward iifname p2 oifname p1 drop
at_rest p1
nft delete table bridge virtuoso
done_well t

log "somebody captures packets: there are some"
busy t
parted=$(parted capture)
spawn capture host tcpdump -Z root -Uqni p1 -w $WORK/capture.pcap 'tcp port 6001 and greater 500'
wait_for 10 has_parted capture
captured() { [ "$(stat -c %s $WORK/capture.pcap 2> /dev/null || echo 0)" -gt 100000 ]; }
wait_for 20 captured
signal capture
finish capture 10 || true
done_well t

log "the operator does not want it"
busy t
parts off virtuosoctl port set p2 join 0
done_well t
before=$(ring_bytes p1)
transfer g1 $G2 6001 -u 1000000 -d 100000
assert_eq "$(ring_bytes p1)" "$before" "bytes from ring to ring"
virtuosoctl port set p2 join 1
joined p1 transfer g1 $G2 6001 -u 1000000 -d 1000000

if [ "$(nproc)" -gt 1 ]; then
	log "two cores, and ports that move between them"
	virtuosoctl core set cpus 0-1 min 2 max 2
	virtuosoctl port set p1 core 0
	virtuosoctl port set p2 core 1
	busy t
	for i in 0 1 0 1; do
		virtuosoctl port set p2 core $i
		pause 0.1
	done
	joined_are 2 || fail "$(virtuosoctl flow show)"
	done_well t
	joined p1 transfer g1 $G2 6001 -u 3000000 -d 3000000
	virtuosoctl port set p2 core auto
	virtuosoctl port set p1 core auto
fi

log "policy ends it, at both ends"
spawn doomed g1 peer transfer $G2 6001 -u 1000 -O
wait_for 10 logged doomed holding
virtuosoctl policy set p2 rule deny accept local-port 6001
status=0
finish doomed 10 || status=$?
assert_eq $status 1 "exit status of the client"
virtuosoctl policy flush p2

log "killed in mid-transfer"
busy t
signal t KILL
hurry
wait_for 20 no_flows p1
wait_for 20 no_flows p2

if [ $MODE = container ]; then
	log "the port is deleted in mid-transfer"
	busy t
	virtuosoctl port del p2
	hurry
	wait_for 20 no_flows p1
	status=0
	finish t 20 || status=$?
	assert_eq $status 1 "exit status of the client"
fi
