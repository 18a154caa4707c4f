# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion of virtuosoctl

_virtuosoctl_ports() {
	virtuosoctl port show 2> /dev/null | sed -n 's/^\([^ ]*\): .*/\1/p'
}

_virtuosoctl_cores() {
	virtuosoctl core show 2> /dev/null | sed -n 's/^core \([0-9]*\): .*/\1/p'
}

# The words that may follow those before the cursor, options left out.
_virtuosoctl_words() {
	local previous=${*: -1}

	case $# in
	0) echo "port flow core stats help"; return ;;
	1)
		case $1 in
		port) echo "show add set del help" ;;
		core) echo "show set help" ;;
		flow) echo "show help port state direction laddr raddr lport rport" ;;
		stats) echo "show help port nonzero" ;;
		esac
		return ;;
	esac
	case $1,$2,$previous in
	flow,*,port|stats,*,port) _virtuosoctl_ports ;;
	flow,*,state)
		echo "established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait close" \
			"close-wait last-ack closing" ;;
	flow,*,direction) echo "active passive" ;;
	flow,*,laddr|flow,*,raddr|flow,*,lport|flow,*,rport) ;;
	flow,*) echo "port state direction laddr raddr lport rport" ;;
	stats,*) echo "port nonzero" ;;
	core,show,show|core,set,set) _virtuosoctl_cores ;;
	core,set,*) [ $# != 3 ] || echo "poll-us" ;;
	port,show,show|port,set,set|port,del,del) _virtuosoctl_ports ;;
	port,set,*) [ $# != 3 ] || echo "max-flows" ;;
	port,del,*) [ $# != 3 ] || echo "force" ;;
	port,add,mac|port,add,max-flows|port,add,mtu) ;;
	port,add,*)
		case $# in
		2) ;;
		3) echo "vm container" ;;
		*) echo "mac max-flows mtu" ;;
		esac ;;
	esac
}

_virtuosoctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=() w

	for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $w == -* ]] || before+=("$w")
	done
	if [[ $cur == -* && ${#before[@]} == 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-json -pretty -details -statistics -Version -help" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_virtuosoctl_words "${before[@]}")" -- "$cur")
	fi
}

complete -F _virtuosoctl virtuosoctl
