#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# limit: 120
#
# What an operator sets for a port is kept by a core that runs: limit, guarantee and weight as
# parts of the core's time, rates, numbers of listeners, and the counters that tell.

. "$(dirname "$0")/lib.sh"

now_ms() { echo $(($(date +%s%N) / 1000000)); }
busy_of() { virtuosoctl -j port show "$1" | jq '.[0].busy_ns'; }

# bulk NAME GUEST PORT: sends as fast as it can, until signal.
bulk() { spawn "$1" "$2" rpc send $PEER "$3" -c 4 -s 65536 -t 600; wait_for 20 logged "$1" connected; }
# Lets it settle and go on for a while.
run_ms() { local never; exec {never}<> <(:); read -rt "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" -u "$never" || true; exec {never}>&-; }

# usage of both ports' busy time in 1/1000: share of p1, over MS
share_of_p1() {
	local a b
	run_ms 200
	a=$(busy_of p1) b=$(busy_of p2)
	run_ms "$1"
	a=$(($(busy_of p1) - a)) b=$(($(busy_of p2) - b))
	echo $((a * 1000 / (a + b + 1)))
}

test_limit() {
	local busy ms throttled
	virtuosoctl port set p1 limit 10%
	bulk s1 g1 6001
	run_ms 200
	throttled=$(virtuosoctl -j port show p1 | jq '.[0].throttled')
	busy=$(busy_of p1) ms=$(now_ms)
	run_ms 1500
	busy=$(($(busy_of p1) - busy)) ms=$(($(now_ms) - ms))
	log "limit 10%: busy $((busy / ms / 1000)) permille"
	assert_ge $((busy / ms / 1000)) 70 "permille of a core at a limit of 100"
	assert_le $((busy / ms / 1000)) 120 "permille of a core at a limit of 100"
	assert_ge "$(virtuosoctl -j port show p1 | jq '.[0].throttled')" $((throttled + 10)) "times throttled"
	virtuosoctl port set p1 limit 0%
}

# The core gets what others leave of the CPU, so that there is always more to do than it can.
test_shares() {
	local share
	chrt -i -p 0 "$(pgrep -x vho_core/0)"
	bulk s2 g2 6002
	virtuosoctl port set p1 weight 100
	virtuosoctl port set p2 weight 300
	share=$(share_of_p1 1500)
	log "weights 1:3: $share permille of the time"
	assert_ge "$share" 200 "share of weight 1 of 4"
	assert_le "$share" 300 "share of weight 1 of 4"
	virtuosoctl port set p1 weight 1 guarantee 60%
	virtuosoctl port set p2 weight 100
	share=$(share_of_p1 1000)
	log "guarantee 60%: $share permille of the time"
	assert_ge "$share" 580 "share of a guarantee of 60%"
	virtuosoctl port set p1 guarantee 0%
	share=$(share_of_p1 1000)
	log "weights 1:100: $share permille of the time"
	assert_le "$share" 50 "share of weight 1 of 101"
	virtuosoctl port set p1 weight 100
	chrt -o -p 0 "$(pgrep -x vho_core/0)"
	signal s2 KILL
}

# Counters of p1 as "milliseconds bytes segments", of one moment as nearly as the tools tell.
sample() {
	local before after stats
	before=$(now_ms)
	stats=$(virtuosoctl -j stats show port p1)
	after=$(now_ms)
	jq -r --argjson ms $(((before + after) / 2)) '.[0].stats |
		"\($ms) \(.fp_rx_bytes + .fp_tx_bytes) \(.fp_rx_segs + .fp_tx_segs)"' <<< "$stats"
}

# over MS: sets bits and segs, each in a second
measure() {
	local ms bytes n ms2 bytes2 n2
	run_ms 200
	read -r ms bytes n <<< "$(sample)"
	run_ms "$1"
	read -r ms2 bytes2 n2 <<< "$(sample)"
	bits=$(((bytes2 - bytes) * 8000 / (ms2 - ms))) segs=$(((n2 - n) * 1000 / (ms2 - ms)))
}

test_rates() {
	local bits segs
	virtuosoctl port set p1 bit-rate 20M
	measure 2000
	log "bit-rate 20M: $bits bit/s"
	assert_ge "$bits" 16000000 "bit/s"
	assert_le "$bits" 24000000 "bit/s"
	virtuosoctl port set p1 bit-rate 0 packet-rate 1k
	measure 2000
	log "packet-rate 1k: $segs packets/s"
	assert_ge "$segs" 800 "packets/s"
	assert_le "$segs" 1200 "packets/s"
	virtuosoctl port set p1 packet-rate 0
	signal s1 KILL
}

# connects PLACE ADDRESS PORT: 40 connections at once; prints how many failed at once, how many are up
# after 300 ms, and how many after 5 s.
connects() {
	on "$1" python3 - "$2" "$3" <<-'PY'
		import errno, select, socket, sys, time
		failed, socks, up = 0, [], set()
		for i in range(40):
		    s = socket.socket()
		    s.setblocking(False)
		    if s.connect_ex((sys.argv[1], int(sys.argv[2]))) == errno.EINPROGRESS:
		        socks.append(s)
		    else:
		        failed += 1
		def look(seconds):
		    global failed
		    end = time.monotonic() + seconds
		    while socks and len(up) < len(socks) and time.monotonic() < end:
		        wait = [s for s in socks if s not in up]
		        for s in select.select([], wait, [], max(0, end - time.monotonic()))[1]:
		            err = s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
		            if err:
		                assert err == errno.ENOBUFS, err
		                failed += 1
		                socks.remove(s)
		            else:
		                up.add(s)
		    return len(up)
		first = look(0.3)
		print(failed, first, look(5))
	PY
}

test_connections() {
	local failed first last drops
	virtuosoctl port set p1 conn-rate 10
	drops=$(stat_of p1 drop_conn_rate)
	read -r failed first last <<< "$(connects g1 $PEER 6001)"
	log "conn-rate 10: $failed of 40 refused, $first made at once"
	assert_ge "$failed" 20 "connections refused"
	assert_ge "$first" 1 "connections made"
	assert_eq "$(($(stat_of p1 drop_conn_rate) - drops))" "$failed" "counted"
	# A peer asks again.
	drops=$(stat_of p1 drop_conn_rate)
	serve listener g1 6005
	read -r failed first last <<< "$(connects peer $G1 6005)"
	log "conn-rate 10, incoming: $first at once, $last after a while"
	assert_le "$first" 20 "connections at once"
	assert_ge "$last" $((first + 1)) "connections after a while"
	assert_ge "$(stat_of p1 drop_conn_rate)" $((drops + 20)) "counted"
	virtuosoctl port set p1 conn-rate 0
}

# A listener beyond the limit is the guest's own business: its native stack serves it.
test_listeners() {
	local before
	before=$(virtuosoctl -j listener show port p1 | jq length)
	virtuosoctl port set p1 max-listeners 0
	serve beyond g1 6006
	wait_for 10 bash -c "[ \$(virtuosoctl -j stats show port p1 | jq '.[0].stats.sp_limit_listeners') -ge 1 ]"
	assert_eq "$(virtuosoctl -j listener show port p1 | jq length)" "$before" "listeners"
	transfer peer $G1 6006 -u 10000 -d 10000
	virtuosoctl port set p1 max-listeners 1024
}

start
spawn sink1 peer rpc serve 6001
spawn sink2 peer rpc serve 6002
wait_for 10 logged sink1 listening
wait_for 10 logged sink2 listening
test_limit
test_shares
test_rates
test_connections
test_listeners
