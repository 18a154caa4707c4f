#compdef virtuosoctl
# SPDX-License-Identifier: GPL-2.0
#
# zsh completion of virtuosoctl

_virtuosoctl_ports() {
	local -a ports
	ports=(${(f)"$(virtuosoctl port show 2> /dev/null | sed -n 's/^\([^ ]*\): .*/\1/p')"})
	compadd -a ports
}

_virtuosoctl_cores() {
	local -a cores
	cores=(${(f)"$(virtuosoctl core show 2> /dev/null | sed -n 's/^core \([0-9]*\): .*/\1/p')"})
	compadd -a cores
}

_virtuosoctl_uplinks() {
	local -a uplinks
	uplinks=(${(f)"$(virtuosoctl uplink show 2> /dev/null | sed 's/ .*//')"})
	compadd -a uplinks
}

# Words, without the options before them: $before; the one before the cursor: $previous.
_virtuosoctl_object() {
	local settings=(max-flows weight guarantee limit burst join max-listeners max-region-bytes conn-rate bit-rate packet-rate cores)
	local nr=$#before previous=$before[-1]

	case $nr in
	0) compadd port flow listener core stats policy uplink monitor top save restore help; return ;;
	1)
		case $before[1] in
		port) compadd show add set del help ;;
		core) compadd show set pool help ;;
		flow) compadd show help port state direction laddr raddr lport rport ;;
		listener) compadd show help port lport ;;
		stats) compadd -- show help port nonzero -prometheus ;;
		policy) compadd show set flush help ;;
		uplink) compadd show add del help ;;
		monitor) compadd ports guests cores ;;
		top) compadd interval count ;;
		save|restore) _files ;;
		esac
		return ;;
	esac
	case $before[1],$before[2],$previous in
	(flow|stats|listener),*,port) _virtuosoctl_ports ;;
	flow,*,state)
		compadd established syn-sent syn-recv fin-wait-1 fin-wait-2 time-wait close \
			close-wait last-ack closing ;;
	flow,*,direction) compadd active passive ;;
	(flow|listener),*,(laddr|raddr|lport|rport)) ;;
	flow,*) compadd port state direction laddr raddr lport rport ;;
	listener,*) compadd port lport ;;
	stats,*) compadd port nonzero ;;
	policy,(show,show|set,set|flush,flush)) _virtuosoctl_ports; compadd default ;;
	policy,set,file) _files ;;
	policy,set,sources) compadd learn ;;
	policy,set,*)
		if (( nr == 3 )); then
			compadd file sources default rule
		elif [[ $previous == (rule|default) ]]; then
			compadd allow deny drop
		else
			compadd connect accept both to from with port local-port dscp buffer rule
		fi ;;
	uplink,add,add) compadd /sys/class/net/*(:t) ;;
	uplink,del,del) _virtuosoctl_uplinks ;;
	uplink,add,bypass) compadd on off ;;
	uplink,*,netns) compadd /run/netns/*(N:t) ;;
	uplink,add,*) compadd bypass netns ;;
	uplink,del,*) compadd netns ;;
	monitor,*) compadd ports guests cores ;;
	core,set,set) _virtuosoctl_cores; compadd all cpus min max add-idle remove-idle period holdoff ;;
	core,show,show) _virtuosoctl_cores ;;
	core,set,order) compadd fair fifo ;;
	core,set,*)
		if [[ $before[3] != ([0-9]*|all) ]]; then
			(( nr % 2 )) || compadd cpus min max add-idle remove-idle period holdoff
			return
		fi
		(( nr % 2 == 0 )) || compadd poll-us piece turn burst debt order ;;
	port,show,type) compadd vm container ;;
	port,show,*) [[ $nr != 2 ]] || _virtuosoctl_ports; compadd type running ;;
	port,(set,set|del,del)) _virtuosoctl_ports ;;
	port,set,core) _virtuosoctl_cores; compadd auto ;;
	port,set,*) (( nr % 2 == 0 )) || compadd core $settings ;;
	port,del,*) [[ $nr != 3 ]] || compadd force ;;
	port,add,*)
		case $nr in
		2) ;;
		3) compadd vm container ;;
		*) (( nr % 2 )) || compadd mac mtu uuid $settings ;;
		esac ;;
	esac
}

_virtuosoctl() {
	local -a before
	before=(${words[2,CURRENT-1]:#-*})
	if [[ $words[CURRENT-1] == -b* ]]; then
		_files
	elif [[ $words[CURRENT] == -* && $#before == 0 ]]; then
		compadd -- -json -pretty -details -statistics -batch -force -Version -help
	else
		_virtuosoctl_object
	fi
}

_virtuosoctl "$@"
