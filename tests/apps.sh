#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 240
#
# Programs as they are: nginx, curl, iperf3.

. "$(dirname "$0")/lib.sh"
start
make_web_files g1 $((16 << 20)) 100
sums=$(web_sums g1 100)
start_nginx g1
before=$(bytes_of p1)
for client in peer g2; do
	log "$client fetches from g1"
	got=$(on $client bash -c "curl -sS http://$G1/large | sha256sum
		curl -sS -H 'Connection: close' 'http://$G1/small/[1-100]' | sha256sum")
	assert_eq "$got" "$sums" "checksums at $client"
done
carried p1 "$before" $((2 * (16 << 20)))

spawn iperf peer iperf3 -s
wait_for 10 on peer bash -c "ss -Hltn | grep -q ':5201 '"
for way in '' -R --bidir; do
	result=$(on g1 iperf3 -J -t $((2 * SLOW)) -P 2 $way -c $PEER)
	log "iperf3 $way: $(jq '.end.sum_received.bits_per_second / 1000000 | floor' <<< "$result") Mbit/s"
	[ "$(jq '.end.sum_received.bytes > 1000000' <<< "$result")" = true ] || fail "iperf3 does not get through"
done
signal iperf
wait_for 20 no_flows p1
