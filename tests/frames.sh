#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container vm
# limit: 180
#
# The netdev carries what is not offloaded: ping, UDP, DHCP, and TCP of sockets that stay
# native.

. "$(dirname "$0")/lib.sh"
start

log "ping"
on g1 ping -q -c 5 -i 0.05 -W 2 $PEER
on peer ping -q -c 5 -i 0.05 -W 2 -s 8000 $G1
on g1 ping -q -c 3 -i 0.05 -W 2 $G2

log "UDP by iperf3, each way"
spawn iperf peer iperf3 -s
wait_for 10 on peer bash -c "ss -Hltn | grep -q ':5201 '"
for way in '' -R; do
	result=$(on g1 iperf3 -J -u -b 20M -t 2 $way -c $PEER)
	lost=$(jq '.end.sum.lost_percent' <<< "$result")
	log "iperf3 $way: $(jq '.end.sum.bytes' <<< "$result") bytes, $lost % lost"
	[ "$(jq '.end.sum.bytes > 1000000 and .end.sum.lost_percent < 20' <<< "$result")" = true ] ||
		fail "UDP does not get through"
done

if [ $MODE != native ]; then
	log "TCP without offload goes through as frames"
	before=$(bytes_of p1) frames=$(stat_of p1 frame_tx_bytes)
	serve sp peer 5001
	on g1 sysctl -qw net.virtuoso.enabled=0
	transfer g1 $PEER 5001 -u 5000000 -d 5000000
	on g1 sysctl -qw net.virtuoso.enabled=1
	assert_eq "$(bytes_of p1)" "$before" "bytes through the fast path"
	assert_ge $(($(stat_of p1 frame_tx_bytes) - frames)) 5000000 "bytes of frames"
fi

log "DHCP"
cat > $WORK/udhcpd.conf <<CONF
start 10.7.0.200
end 10.7.0.210
interface eth0
lease_file $WORK/leases
pidfile $WORK/udhcpd.pid
option subnet 255.255.255.0
CONF
touch $WORK/leases
spawn dhcp peer busybox udhcpd -f $WORK/udhcpd.conf
out=$(on g1 busybox udhcpc -i eth0 -n -q -t 10 -T 1 -s /bin/true 2>&1)
grep -q 'lease of 10.7.0.2' <<< "$out" || fail "udhcpc says: $out"
