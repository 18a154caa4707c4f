#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: counted
# limit: 900
#
# A quiet tenant beside one that does its worst. The victim (g1) asks the peer for 64 bytes
# now and then; its latency beside each aggressor (g2, and a VM's port for what only a
# VMM can do), and beside all of them, is compared with its latency alone. The machine's
# clock counts instructions, so latencies repeat. The victim's two processes go before
# everything on the one CPU, the host's threads come next, the aggressors take what is
# left: what delays the victim is the order in which the host serves ports.

. "$(dirname "$0")/lib.sh"

REQUESTS=${ISOLATION_REQUESTS:-600}
AGGRESSORS='send fetch tiny conns storm synflood lossy kicks rubbish'
FAR=10.7.0.3
table=/out/isolation.jsonl

start
ip link set p2 txqueuelen 1000
make_peer far $FAR
virtuosoctl -j port add h0 vm > $WORK/h0.json
modprobe vfio_iommu_type1
ip link set h0 master br0 up
uuid=$(jq -r '.[0].uuid' $WORK/h0.json)
mac=$(ip netns exec peer cat /sys/class/net/eth0/address)
virtuosoctl core set 0 poll-us 0
for thread in vho_core/0 ksoftirqd/0; do
	chrt -f -p 50 "$(pgrep -x "$thread")"
done
# Otherwise it is on another CPU than the core.
chrt -f -p 45 "$(pgrep -x vho_slow)"

# A process of the victim, one of an aggressor.
first() { spawn "$1" "$2" chrt -f 60 "${@:3}"; }
last() { spawn "$1" "$2" chrt -i 0 "${@:3}"; }

first victim-peer peer rpc serve 6000
# To each aggressor its own port: the last one's connections may still be ending.
declare -A port=([send]=6001 [fetch]=6002 [tiny]=6003 [conns]=6004 [storm]=6005)
for name in "${!port[@]}"; do
	spawn "sink-$name" peer rpc serve "${port[$name]}"
done
spawn far far rpc serve 6001
spawn target g2 rpc serve 6002
for name in victim-peer far target sink-{send,fetch,tiny,conns,storm}; do
	wait_for 10 logged "$name" listening
done
# Segments come late, twice, not at all.
tc qdisc replace dev far-br root netem limit 1000 delay 300us 300us loss 3% duplicate 2%
ip netns exec far tc qdisc replace dev eth0 root netem limit 1000 delay 300us 300us loss 3%

begin() {
	case $1 in
	send) last send g2 rpc send $PEER "${port[send]}" -c 8 -s 65536 -t 600 ;;
	fetch) last fetch g2 rpc fetch $PEER "${port[fetch]}" -c 8 -t 600 ;;
	tiny) last tiny g2 rpc send $PEER "${port[tiny]}" -c 16 -s 1 -t 600 ;;
	conns) last conns g2 rpc many $PEER "${port[conns]}" -c 2000 -t 600 ;;
	storm) last storm g2 rpc storm $PEER "${port[storm]}" -t 600 ;;
	synflood) last synflood peer rpc synflood $G2 6002 -t 600 ;;
	lossy) last lossy g2 rpc send $FAR 6001 -c 32 -s 16384 -t 600 ;;
	kicks) last kicks host hostile "$uuid" 600 kicks ;;
	rubbish) last rubbish host hostile "$uuid" 600 rubbish 10.7.0.99 $PEER "$mac" ;;
	esac
	case $1 in
	send|fetch|conns|lossy) wait_for 120 logged "$1" connected ;;
	esac
}

ended() { [ -e "$WORK/$1.status" ]; }

end() {
	signal "$1" KILL
	wait_for 10 ended "$1"
}

# Prints the victim's figures; what the aggressors did meanwhile is the proof that they ran.
ask() {
	local name=$1 before
	before=$(busy_of_others)
	on g1 chrt -f 60 rpc ask $PEER 6000 -n "$REQUESTS" -p 1000 > $WORK/ask
	jq -c --arg name "$name" --argjson busy $(($(busy_of_others) - before)) \
		'. + {name: $name, others_busy_ms: ($busy / 1000000)}' $WORK/ask | tee -a $table >&2
	jq ".p99_us * 10 | floor" $WORK/ask
}

busy_of_others() { virtuosoctl -j port show | jq '[.[] | select(.name != "p1") | .busy_ns + .slow_ns] | add'; }

: > $table
alone=$(ask alone)
# Comparing needs a clock that is not the wall's.
[ "${alone:-0}" -gt 0 ] || fail "no figure for the victim alone"
worst=0 failed=''
compare() {
	local p99=$2
	printf '%-10s p99 %6d.%d us, %d.%02d x alone\n' "$1" $((p99 / 10)) $((p99 % 10)) \
		$((p99 / alone)) $((p99 * 100 / alone % 100))
	[ $((p99 * 10)) -le $((alone * 12)) ] || failed="$failed $1"
	[ "$p99" -le "$worst" ] || worst=$p99
}

for name in $AGGRESSORS; do
	begin "$name"
	compare "$name" "$(ask "$name")"
	end "$name"
	# What it left behind is not part of the next one.
	wait_for 200 no_flows p2 established syn-sent syn-recv
done
for name in $AGGRESSORS; do
	[ "$name" = rubbish ] || begin "$name"
done
compare all "$(ask all)"
for name in $AGGRESSORS; do
	[ "$name" = rubbish ] || end "$name"
done
[ -z "$failed" ] || fail "more than 1.2 times alone beside:$failed"
