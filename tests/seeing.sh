#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 240
#
# What takes the short way is seen all the same: by captures at the port's netdev and at the uplink,
# in the statistics of both, and by tracepoints.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/topologies.sh"

BYTES=300000	# of the connection, each way
TRACING=/sys/kernel/tracing
EVENTS="vho_path_xmit vho_path_rx vho_tcp_out vho_tcp_in"

# capture NAME DEVICE OPTION...: what is there
capture() {
	spawn "$1" host tcpdump -Z root -i "$2" -s 0 -B 16384 -U -w "$WORK/$1.pcap" "${@:3}"
	wait_for 20 logged "$1" "listening on"
}

# end_captures NAME...: when no packet comes any more, tcpdump has written what there was.
quiet() {
	local before=$sizes
	sizes=$(stat -c %s "${@/#/$WORK/}")
	[ "$sizes" = "$before" ]
}

end_captures() {
	local name
	sizes=''
	for name; do
		until quiet "$name.pcap"; do read -rt 0.3 -u "$never" || true; done
		signal "$name" INT
		finish "$name" 20 || true
		logged "$name" "^0 packets dropped by kernel" || fail "$(cat "$(log_of "$name")")"
	done
}

# seen NAME FROM TO: bytes of payload that a capture has of what one address sent to the other, each byte
# counted once.
seen() {
	tcpdump -Z root -nnqr "$WORK/$1.pcap" -S -v 2> /dev/null > "$WORK/$1.text"
	tcpdump -Z root -nnSr "$WORK/$1.pcap" 2> /dev/null | python3 -c '
import re, sys
want = re.compile(r"IP %s\.(\d+) > %s\.(\d+): .*, seq (\d+):(\d+)," % tuple(map(re.escape, sys.argv[1:3])))
parts = {}
for line in sys.stdin:
    m = want.search(line)
    if m:
        parts.setdefault(m.group(1, 2), []).append(tuple(map(int, m.group(3, 4))))
total = 0
for ranges in parts.values():
    end = 0
    for first, last in sorted(ranges):
        total += max(0, last - max(first, end))
        end = max(end, last)
print(total)' "$2" "$3"
}

dev_stat() { ip -s -j link show "$1" | jq ".[0].stats64.$2.bytes"; }
ethtool_stat() { ethtool -S p1 | awk -v name="$1:" '$1 == name { print $2 }'; }
traced() { grep -c " $1: port=p1 " "$WORK/trace" || true; }

counts() {
	local name out=''
	for name; do out="$out $(stat_of p1 "$name")"; done
	echo "$out"
}

stats() { echo "$(dev_stat p1 rx) $(dev_stat p1 tx) $(dev_stat up0 tx) $(dev_stat up0 rx)"; }

# over NAME OUTER: a transfer through the topology is seen; OUTER: addresses on the wire are those of a
# tunnel or translated, so that only the port's capture is looked into.
over() {
	local before after i part
	log "--- $1"
	topology_"$1"
	# The peer fills in its checksums: those that are seen at the port must be right.
	ip netns exec peer ethtool -K eth0 tx off > /dev/null
	serve sp peer 5001
	on g1 ip route replace default via $HOST
	virtuosoctl uplink add up0
	capture in p1 -Q in tcp
	capture out p1 -Q out tcp
	capture up up0
	echo > $TRACING/trace
	for i in $EVENTS; do echo 1 > $TRACING/events/virtuoso/"$i"/enable; done
	read -ra before < <(counts path_tx path_rx_segs path_tx_long path_rx_bytes fp_rx_bytes)
	read -ra before_dev < <(stats)
	transfer g1 "$far" 5001 -u $BYTES -d $BYTES
	read -ra after < <(counts path_tx path_rx_segs path_tx_long path_rx_bytes fp_rx_bytes)
	read -ra after_dev < <(stats)
	for i in $EVENTS; do echo 0 > $TRACING/events/virtuoso/"$i"/enable; done
	cat $TRACING/trace > "$WORK/trace"
	end_captures in out up
	assert_ge $((after[0] - before[0])) 20 "packets out by the path"
	assert_le $((after[2] - before[2])) 3 "packets out the long way"
	assert_ge $(((after[3] - before[3]) * 100)) $(((after[4] - before[4]) * 95)) "bytes in by the path, of 100"
	assert_ge "$(seen in $G1 "$far")" $BYTES "bytes from the guest that a capture at the port has"
	assert_ge "$(seen out "$far" $G1)" $BYTES "bytes to the guest that a capture at the port has"
	! grep -m 3 'incorrect\|bad cksum' "$WORK/out.text" || fail "wrong checksums"
	if [ "$2" = plain ]; then
		assert_ge "$(seen up $G1 "$far")" $BYTES "bytes out that a capture at the uplink has"
		assert_ge "$(seen up "$far" $G1)" $BYTES "bytes in that a capture at the uplink has"
	fi
	for ((i = 0; i < 4; i++)); do
		assert_ge $((after_dev[i] - before_dev[i])) $BYTES "statistics of p1 in and out, of up0 out and in ($i)"
	done
	assert_ge "$(ethtool_stat path_tx)" "${after[0]}" "path_tx by ethtool"
	assert_ge "$(traced vho_path_xmit)" $((after[0] - before[0])) "packets out, traced"
	assert_ge "$(traced vho_path_rx)" 20 "packets in, traced"
	for i in in out; do
		part=$(grep " vho_tcp_$i: port=p1 " "$WORK/trace" | sed 's/.* len=//' | awk '{ n += $1 } END { print n + 0 }')
		assert_ge "$part" $BYTES "bytes that TCP got or sent, traced ($i)"
	done
	grep -m 1 ' vho_tcp_out: ' "$WORK/trace"
	grep -m 1 ' vho_path_rx: ' "$WORK/trace"
	virtuosoctl uplink del up0
	undo_topology
}

mountpoint -q $TRACING || mount -t tracefs tracefs $TRACING
trap undo_topology EXIT
exec {never}<> <(:)
rm -rf $WORK
mkdir -p $WORK
load_host
load_guest
make_container g1 p1 $G1
serve s1 g1 5001
echo 16384 > $TRACING/buffer_size_kb
over bridge plain
over vxlan outer
over nat outer
wait_for 20 no_flows p1
