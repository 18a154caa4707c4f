# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# mode: container vm
# limit: 480
#
# What the operator lets a guest do: rules for new connections and live ones, addresses that
# it may use, sets that are replaced as a whole or not at all.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0

policy() { virtuosoctl policy "$@"; }
rules() { virtuosoctl -j policy show p1 | jq -r ".[0].rules[$1 - 1].$2"; }

# silent PLACE ADDRESS PORT: nothing answers there.
silent() {
	local out
	if out=$(on "$1" timeout 3 peer connect "$2" "$3"); then
		fail "$2 port $3 answered $1: $out"
	fi
}

# connect_from ADDRESS: a connection of g1 to the peer, from there; prints the errno.
connect_from() {
	on g1 python3 -c "
import errno, socket
s = socket.socket()
s.settimeout(5)
s.bind(('$1', 0))
try:
	s.connect(('$PEER', 5001))
	print('OK')
except OSError as e:
	print(errno.errorcode.get(e.errno, 'timeout'))"
}

# frame SOURCE-MAC KIND ADDRESS: a frame of g1 that claims to be from there.
frame() {
	on g1 python3 -c "
import socket, struct
mac = bytes.fromhex('$1'.replace(':', ''))
ip = socket.inet_aton('$3')
if '$2' == 'arp':
	body = b'\x08\x06' + struct.pack('>HHBBH', 1, 0x800, 6, 4, 2) + mac + ip + b'\xff' * 6 + ip
else:
	head = struct.pack('>BBHHHBBH', 0x45, 0, 32, 0, 0, 64, 17, 0) + ip + socket.inet_aton('$PEER')
	total = sum(struct.unpack('>10H', head))
	total = (total & 0xffff) + (total >> 16)
	head = head[:10] + struct.pack('>H', ~(total + (total >> 16)) & 0xffff) + head[12:]
	body = b'\x08\x00' + head + struct.pack('>HHHH', 9, 9, 12, 0) + b'abcd'
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
s.send(b'\xff' * 6 + mac + body)"
}

# spoofed NUMBER COMMAND...: so many frames are dropped because of it.
spoofed() {
	local before number=$1
	before=$(stat_of p1 drop_spoofed)
	shift
	"$@"
	counted() { [ "$(stat_of p1 drop_spoofed)" -ge $((before + number)) ]; }
	wait_for 10 counted
}

# unchanged TEXT COMMAND...: is refused, says so, and the set stays as it is.
unchanged() {
	local before
	before=$(policy show p1)
	fails_with "$@"
	assert_eq "$(policy show p1)" "$before" "the set after: $*"
}

start
serve sp peer 5001
serve sq peer 5002
serve s1 g1 6001
transfer peer $G1 6001 -u 1000 -d 1000

log "what a guest may connect to"
policy set p1 rule deny connect to $PEER port 5002 rule allow connect to 10.7.0.0/24
assert_eq "$(on g1 peer connect $PEER 5002)" EACCES
transfer g1 $PEER 5001 -u 1000 -d 1000
assert_eq "$(rules 1 matched) $(rules 1 refused)" "1 1"
assert_ge "$(rules 2 matched)" 1 "connections that a rule allowed"
assert_eq "$(stat_of p1 sp_policy_refused)" 1
transfer g2 $PEER 5002 -u 1000 -d 1000

log "nor can it do so without offload"
on g1 sysctl -qw net.virtuoso.enabled=0
silent g1 $PEER 5002
transfer g1 $PEER 5001 -u 1000 -d 1000
on g1 sysctl -qw net.virtuoso.enabled=1
assert_ge "$(stat_of p1 drop_policy)" 1 "SYNs in frames that were dropped"

log "who may connect to it"
policy set p1 rule deny accept from $PEER local-port 6001
assert_eq "$(on peer peer connect $G1 6001)" ECONNREFUSED
transfer g2 $G1 6001 -u 1000 -d 1000
policy set p1 rule drop accept from $PEER local-port 6001
silent peer $G1 6001
assert_ge "$(rules 1 refused)" 2 "SYNs dropped"
policy flush p1
transfer peer $G1 6001 -u 1000 -d 1000

log "a change ends connections that live, and no others"
spawn doomed g1 peer transfer $PEER 5001 -u 1000 -O
spawn kept g1 peer transfer $PEER 5002 -u 1000 -O
wait_for 10 logged doomed holding
wait_for 10 logged kept holding
ended=$(stat_of p1 sp_policy_ended)
begin=$(date +%s%N)
policy set p1 rule deny to $PEER port 5001
log "in force after $((($(date +%s%N) - begin) / 1000)) us, with the start of virtuosoctl"
# The command comes back when it is done.
assert_eq "$(stat_of p1 sp_policy_ended)" $((ended + 1)) "connections that the change ended"
assert_eq "$(virtuosoctl -j flow show port p1 raddr $PEER rport 5002 state established | jq length)" 1
status=0
finish doomed 1 || status=$?
assert_eq $status 1 "exit status of the client"
logged doomed ECONNABORTED || fail "$(cat "$(log_of doomed)")"
wait_for 10 logged sp ECONNRESET
signal kept
finish kept 10 || fail "$(cat "$(log_of kept)")"

log "DSCP, also of a connection that lives"
tc qdisc add dev peer-br clsact
tc filter add dev peer-br egress protocol ip flower ip_proto tcp dst_ip $PEER ip_tos 0xb8/0xfc action pass
dscp_seen() { [ "$(tc -s -j filter show dev peer-br egress | jq '[.[].options.actions[]?.stats.packets] | add')" -gt "$1" ]; }
policy flush p1
spawn live g1 peer transfer $PEER 5001 -u 1000 -O
wait_for 10 logged live holding
policy set p1 rule allow connect to $PEER port 5001 dscp 46 buffer 65536
signal live
finish live 10 || fail "$(cat "$(log_of live)")"
wait_for 5 dscp_seen 0
transfer g1 $PEER 5001 -u 1000000 -d 1000000
wait_for 5 dscp_seen 10
policy flush p1
tc qdisc del dev peer-br clsact

log "a set is replaced as a whole or not at all"
policy set p1 sources $G1 default drop rule deny connect to 192.0.2.0/24 port 1-1023 \
	rule allow accept with 2001:db8::/32 local-port 80 dscp 46 buffer 262144 rule allow
unchanged 'rule 2: .*behind the prefix' policy set p1 rule allow rule deny to 10.7.0.1/24
unchanged 'rule 3: .*allowed' policy set p1 rule allow rule deny rule deny dscp 3
unchanged 'rule 1: buffer is 4096' policy set p1 rule allow buffer 5
unchanged 'no address of a guest' policy set p1 sources 224.0.0.1
unchanged 'rule 1: port: .*out of range' policy set p1 rule allow port 65536
unchanged 'rule 2: port: 9-1 is backwards' policy set p1 rule allow rule deny port 9-1
unchanged 'rule 1: the action' policy set p1 rule permit
unchanged 'not a prefix' policy set p1 rule deny to 10.0.0.256
unchanged 'makes no sense' policy set p1 rule deny bogus
unchanged 'no port named nope' policy set nope rule deny
unchanged 'not permitted' setpriv --reuid 65534 --regid 65534 --clear-groups \
	virtuosoctl policy set p1 rule deny
printf 'default drop\n\nallow # comment\ndeny from\n' > $WORK/bad
unchanged "$WORK/bad:4: the prefix is missing" policy set p1 file $WORK/bad
policy show p1 | policy set p2 file -
virtuosoctl save $WORK/saved
policy flush p1
virtuosoctl restore $WORK/saved
assert_eq "$(policy show p2 | tail -n +2)" "$(policy show p1 | tail -n +2)" "the set given back"
virtuosoctl -j policy show | python3 -m json.tool > /dev/null
assert_eq "$(virtuosoctl -j policy show p1 | jq -c '.[0] | [.sources, .addresses, .default_action, .rules[1].remote]')" \
	"[\"fixed\",[\"$G1\"],\"drop\",\"2001:db8::/32\"]"
policy flush p2

log "addresses"
mac=$(virtuosoctl -j port show p1 | jq -r '.[0].mac')
policy set p1 sources $G1
transfer g1 $PEER 5001 -u 1000 -d 1000
transfer peer $G1 6001 -u 1000 -d 1000
on g1 ip addr add 10.7.0.77/24 dev eth0
assert_eq "$(connect_from 10.7.0.77)" EACCES
assert_eq "$(connect_from $G1)" OK
spoofed 1 frame "$mac" arp 10.7.0.77
spoofed 1 frame "$mac" ip 10.7.0.77
spoofed 1 frame 02:00:00:00:00:01 ip $G1
spoofed 1 frame 02:00:00:00:00:01 arp $G1
spoofed 1 fails_with '100% packet loss' on g1 ping -q -c 1 -W 1 -I 10.7.0.77 $PEER
on g1 ping -q -c 2 -i 0.1 -W 2 $PEER
policy set p1 sources $G1,10.7.0.77
assert_eq "$(connect_from 10.7.0.77)" OK
on g1 ip addr del 10.7.0.77/24 dev eth0

log "ten thousand rules"
awk 'BEGIN { for (i = 0; i < 10000; i++)
	printf "deny connect to 172.%d.%d.%d/32 port 1-%d\n", 16 + i / 4096, i / 16 % 256, i % 16, i + 1 }' > $WORK/many
begin=$(date +%s%N)
policy set p1 file $WORK/many
log "set after $((($(date +%s%N) - begin) / 1000000)) ms"
assert_eq "$(policy show p1 | sed -n 's/^rule //p' | sed 's/ port 1-1$/ port 1/' | md5sum)" \
	"$(sed 's/ port 1-1$/ port 1/' $WORK/many | md5sum)" "the rules as shown"
transfer g1 $PEER 5001 -u 1000000 -d 1000000
policy set default file $WORK/many
policy flush p1

log "new ports get a copy"
virtuosoctl port add p3 vm > /dev/null
assert_eq "$(virtuosoctl -j policy show p3 | jq '.[0].rules | length')" 10000
virtuosoctl port del p3
policy flush default
assert_eq "$(virtuosoctl -j policy show default | jq '.[0].rules | length')" 0
signal s1
wait_for 20 no_flows p1
