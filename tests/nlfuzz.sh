#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# mode: container
# limit: 420
#
# Random and mutated netlink requests (nlfuzz.py), for $NLFUZZ_SECONDS or 20: what is refused
# has changed nothing, the kernel does not complain, and connections go on meanwhile.

. "$(dirname "$0")/lib.sh"
[ $MODE != native ] || exit 0
start
serve server peer 7000
transfer g1 $PEER 7000 -u 100000 -d 100000
virtuosoctl save > "$WORK/before"
virtuosoctl port show | grep -E '^p[12]:'
python3 "$TOP/tests/nlfuzz.py" "$TOP/Documentation/netlink/specs/virtuoso.yaml" \
	"${NLFUZZ_SECONDS:-20}" ${NLFUZZ_SEED:+"$NLFUZZ_SEED"}
# What was asked for and done is undone, so that the rest can be compared.
for port in $(virtuosoctl -j port show | jq -r '.[].name'); do
	case $port in
	p[12]) ;;
	*) virtuosoctl port del "$port" ;;
	esac
done
virtuosoctl restore "$WORK/before"
virtuosoctl save | diff -u "$WORK/before" -
transfer g1 $PEER 7000 -u 100000 -d 100000
