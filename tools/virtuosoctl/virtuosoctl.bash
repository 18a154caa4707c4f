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

_virtuosoctl_counters() {
	virtuosoctl stats show 2> /dev/null | sed -n 's/^    \([a-z_0-9]*\) .*/\1/p' | sort -u
}

_virtuosoctl_uplinks() {
	virtuosoctl uplink show 2> /dev/null | sed 's/ .*//'
}

_virtuosoctl_settings="max-flows weight guarantee limit burst join max-listeners max-region-bytes conn-rate bit-rate packet-rate cores"

# The words that may follow those before the cursor, options left out.
_virtuosoctl_words() {
	local previous=${*: -1}

	case $# in
	0) echo "port flow listener core stats policy uplink monitor top save restore help"; return ;;
	1)
		case $1 in
		port) echo "show add set del help" ;;
		core) echo "show set pool help" ;;
		flow) echo "show help port state direction laddr raddr lport rport" ;;
		listener) echo "show help port lport" ;;
		stats) echo "show help port nonzero -prometheus" ;;
		policy) echo "show set flush help" ;;
		uplink) echo "show add del help" ;;
		monitor) echo "ports guests cores" ;;
		top) echo "interval count" ;;
		save|restore) compgen -f ;;
		esac
		return ;;
	esac
	case $1,$2,$previous in
	flow,*,port|stats,*,port|listener,*,port) _virtuosoctl_ports ;;
	flow,*,state)
		echo "established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait close" \
			"close-wait last-ack closing" ;;
	flow,*,direction) echo "active passive" ;;
	flow,*,laddr|flow,*,raddr|flow,*,lport|flow,*,rport|listener,*,lport) ;;
	flow,*) echo "port state direction laddr raddr lport rport" ;;
	listener,*) echo "port lport" ;;
	stats,*) echo "port nonzero $(_virtuosoctl_counters)" ;;
	policy,show,show|policy,set,set|policy,flush,flush) _virtuosoctl_ports; echo default ;;
	policy,set,file) compgen -f ;;
	policy,set,sources) echo "learn" ;;
	policy,set,*)
		if [ $# = 3 ]; then
			echo "file sources default rule"
		elif [ "$previous" = rule ] || [ "$previous" = default ]; then
			echo "allow deny drop"
		else
			echo "connect accept both to from with port local-port dscp buffer rule"
		fi ;;
	uplink,add,add) ls /sys/class/net ;;
	uplink,del,del) _virtuosoctl_uplinks ;;
	uplink,add,bypass) echo "on off" ;;
	uplink,*,netns) ls /run/netns 2> /dev/null ;;
	uplink,add,*) echo "bypass netns" ;;
	uplink,del,*) echo "netns" ;;
	monitor,*) echo "ports guests cores" ;;
	top,*) echo "interval count" ;;
	core,set,set) _virtuosoctl_cores; echo "all cpus min max add-idle remove-idle period holdoff" ;;
	core,show,show) _virtuosoctl_cores ;;
	core,set,order) echo "fair fifo" ;;
	core,set,*) case $3 in
		[0-9]*|all) ;;
		*) [ $(($# % 2)) != 0 ] || echo "cpus min max add-idle remove-idle period holdoff"; return ;;
		esac
		[ $(($# % 2)) = 0 ] || echo "poll-us piece turn burst debt order" ;;
	port,show,type) echo "vm container" ;;
	port,show,show) _virtuosoctl_ports; echo "type running" ;;
	port,show,*) echo "type running" ;;
	port,set,set|port,del,del) _virtuosoctl_ports ;;
	port,set,core) _virtuosoctl_cores; echo "auto" ;;
	port,set,*) [ $(($# % 2)) = 0 ] || echo "$_virtuosoctl_settings core" ;;
	port,del,*) [ $# != 3 ] || echo "force" ;;
	port,add,*)
		case $# in
		2) ;;
		3) echo "vm container" ;;
		*) [ $(($# % 2)) != 0 ] || echo "mac mtu uuid $_virtuosoctl_settings" ;;
		esac ;;
	esac
}

_virtuosoctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=() w

	if [[ ${COMP_WORDS[COMP_CWORD-1]} == -b* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $w == -* ]] || before+=("$w")
	done
	if [[ $cur == -* && ${#before[@]} == 0 ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
			"-json -pretty -details -statistics -batch -force -Version -help" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W "$(_virtuosoctl_words "${before[@]}")" -- "$cur")
	fi
}

complete -F _virtuosoctl virtuosoctl
