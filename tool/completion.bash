# SPDX-License-Identifier: MIT
# bash completion for lend(1): commands, options, values, and this computer's
# devices, by address and by the name of their interface or disk.

# Properties of -device: those that are on or off, and the others; and those that one driver alone has.
_lend_switches="managed x-req x-no-mmap x-intx x-no-kvm-intx x-no-kvm-msi x-no-kvm-msix x-allow-unreset \
x-vga x-no-kvm-ioeventfd x-no-vfio-ioeventfd x-no-geforce-quirks"
_lend_words="host sysfsdev claim expect id bootindex give-up-ms iommufd fd vf-token romfile rombar romsize ats x-p2p x-config x-on-error x-intx-mmap-timeout-ms \
x-msix-relocation x-pci-vendor-id x-pci-device-id x-pci-sub-vendor-id x-pci-sub-device-id x-pci-class-code \
x-nv-gpudirect-clique socket x-msg-timeout reconnect"
_lend_vfio="host sysfsdev claim expect managed fd iommufd vf-token x-no-vfio-ioeventfd"
_lend_user="socket x-msg-timeout reconnect"

# Those of a driver.
_lend_properties() {
	local d other=$_lend_user
	[[ $1 == vfio-user-pci* ]] && other=$_lend_vfio
	for d in $_lend_switches $_lend_words; do
		[[ " $other " == *" $d "* ]] || echo "$d"
	done
}

_lend_devices() {
	local d
	for d in /sys/bus/pci/devices/*; do
		[[ -e $d ]] && echo "${d##*/}"
	done
}

# Names beside addresses, for where a device stands alone.
_lend_names() {
	local d
	_lend_devices
	for d in /sys/class/net/*/device /sys/class/nvme/*/device; do
		[[ -e $d ]] || continue
		d=${d%/device}
		case $d in
		*/nvme/*) for d in "$d"/nvme*n*; do [[ -e $d ]] && echo "${d##*/}"; done ;;
		*) echo "${d##*/}" ;;
		esac
	done
}

# The word being completed, put together again where bash cuts it at = and :
# (COMP_WORDBREAKS); what is offered must not repeat what stands before the cut.
_lend_offer() {
	local full=$1 word=$2 head
	shift 2
	head=${full%"$word"}
	local -a found
	mapfile -t found < <(compgen -W "$*" -- "$full")
	COMPREPLY=("${found[@]#"$head"}")
}

_lend_device() {
	local full=$1 word=$2 d
	local -a values=()
	case $full in
	*,*=*)
		local last=${full##*,}
		# A property whose value is a number, or a file, is left to the user.
		local before=${full%"$last"}
		case $last in
		host=*) for d in $(_lend_devices); do values+=("${before}host=$d"); done ;;
		sysfsdev=*) for d in $(_lend_devices); do values+=("${before}sysfsdev=/sys/bus/pci/devices/$d"); done ;;
		rombar=*) values=("${before}rombar="{0,1,-1}) ;;
		ats=*) values=("${before}ats="{auto,on,off}) ;;
		x-p2p=*) values=("${before}x-p2p="{auto,on,off}) ;;
		iommufd=*) values=("${before}iommufd="{on,off,auto}) ;;
		x-config=*) values=("${before}x-config="{strict,open}) ;;
		x-on-error=*) values=("${before}x-on-error="{forward,remove,stop,continue}) ;;
		x-msix-relocation=*) values=("${before}x-msix-relocation="{off,bar0,bar1,bar2,bar3,bar4,bar5}) ;;
		*=*)
			[[ " $_lend_switches " == *" ${last%%=*} "* ]] && values=("$before${last%%=*}="{on,off})
			;;
		*) for d in $(_lend_properties "$full"); do values+=("$before$d="); done ;;
		esac
		;;
	vfio-pci,* | vfio-user-pci,*) for d in $(_lend_properties "$full"); do values+=("${full%%,*},$d="); done ;;
	*) values=(vfio-pci,host= vfio-user-pci,socket=) ;;
	esac
	_lend_offer "$full" "$word" "${values[@]}"
	compopt -o nospace
}

_lend_nodes() {
	local d
	for d in /sys/devices/system/node/node[0-9]*; do
		[[ -e $d ]] && echo "${d##*/node}"
	done
}

# -m SIZE,...: the size is left to the user.
_lend_memory() {
	local full=$1 word=$2 n
	[[ $full == *,* ]] || return
	local before=${full%,*},
	local -a values=()
	case ${full##*,} in
	node=*) for n in $(_lend_nodes); do values+=("${before}node=$n"); done ;;
	share=*) values=("${before}share="{on,off}) ;;
	hugetlb=*) values=("${before}hugetlb="{2M,1G,on}) ;;
	*)
		values=("$before"{hugetlb,share,node}=)
		compopt -o nospace
		;;
	esac
	_lend_offer "$full" "$word" "${values[@]}"
}

# -c N,...: both numbers are left to the user.
_lend_cpus() {
	[[ $1 == *,* && $1 != *pin=* ]] || return
	_lend_offer "$1" "$2" "${1%,*},pin="
	compopt -o nospace
}

_lend_run() {
	local full=$1 word=$2 previous=$3
	if [[ $full == @* ]]; then
		COMPREPLY=($(compgen -f -P @ -- "${full#@}"))
		return
	fi
	case ${previous#-} in
	kernel | -kernel | initrd | -initrd | stats | -stats | trace | -trace | kernel-cache | -kernel-cache)
		compopt -o default
		return
		;;
	qmp | -qmp)
		_lend_offer "$full" "$word" unix: fd: none
		[[ ${COMPREPLY[0]-} == *: ]] && compopt -o nospace
		return
		;;
	serial | -serial)
		_lend_offer "$full" "$word" stdio none file: unix:
		[[ ${COMPREPLY[0]-} == *: ]] && compopt -o nospace
		return
		;;
	disk | -disk) compopt -o default; return ;;
	firmware | -firmware)
		COMPREPLY=($(compgen -W uefi -- "$full"))
		compopt -o default
		return
		;;
	boot | -boot) _lend_offer "$full" "$word" menu=on menu=off; return ;;
	rtc | -rtc) _lend_offer "$full" "$word" base=utc base=localtime; return ;;
	fw-cfg | -fw-cfg) _lend_offer "$full" "$word" name=opt/; compopt -o nospace; return ;;
	net | -net)
		_lend_offer "$full" "$word" user tap= none
		[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace
		return
		;;
	sandbox | -sandbox) _lend_offer "$full" "$word" on log off; return ;;
	user | -user) COMPREPLY=($(compgen -u -- "$full")); return ;;
	machine | -machine) _lend_offer "$full" "$word" cf8=on cf8=off; return ;;
	device | -device) _lend_device "$full" "$word"; return ;;
	object | -object) _lend_offer "$full" "$word" iommufd,id=; compopt -o nospace; return ;;
	m | -m) _lend_memory "$full" "$word"; return ;;
	c | -c | smp | -smp) _lend_cpus "$full" "$word"; return ;;
	append | -append | ports | -ports | uuid | -uuid | name | -name) return ;;
	esac
	local options="m c smp kernel kernel-cache initrd append firmware boot rtc fw-cfg name qmp serial sandbox no-sandbox user uuid no-reboot ports machine object device disk net v stats trace help"
	if [[ $full == --* ]]; then
		COMPREPLY=($(compgen -P -- -W "$options" -- "${full#--}"))
	else
		COMPREPLY=($(compgen -P - -W "$options" -- "${full#-}"))
	fi
}

# lend ls, check, bind, unbind, vf, topology, cdi
_lend_host() {
	local command=$1 full=$2 word=$3 previous=$4 options
	case $command$previous in
	bind--user) COMPREPLY=($(compgen -u -- "$full")); return ;;
	topology-o | topology--output | cdi-o | cdi--output) compopt -o default; return ;;
	check--firmware | check-firmware)
		COMPREPLY=($(compgen -W uefi -- "$full"))
		compopt -o default
		return
		;;
	cdi--nodes) COMPREPLY=($(compgen -W "group iommufd" -- "$full")); return ;;
	check-device | check--device) _lend_device "$full" "$word"; return ;;
	check-m | check--memory) _lend_memory "$full" "$word"; return ;;
	check-c | check--cpus) _lend_cpus "$full" "$word"; return ;;
	*--limit) return ;;
	esac
	if [[ $full != -* ]]; then
		[[ $command == topology ]] || _lend_offer "$full" "$word" "$(_lend_names)"
		return
	fi
	case $command in
	ls) options="--verbose --tree --json" ;;
	check) options="--memory --cpus --device --firmware --ports --json" ;;
	bind) options="--siblings --user --persist --force --limit --boot" ;;
	unbind) options="--siblings --persist --force --limit --stale" ;;
	vf) options="--persist --force --limit" ;;
	topology) options="--output" ;;
	cdi) options="--output --install --nodes" ;;
	ctl) options="--force --no-wait --limit --json" ;;
	ps) options="--json" ;;
	esac
	COMPREPLY=($(compgen -W "$options --help" -- "$full"))
}

# Offers lines that begin with the word. What another user wrote is no text for compgen -W, which
# expands it as the shell does.
_lend_lines() {
	local full=$1 line
	while IFS= read -r line; do
		[[ $line == "$full"* && $line =~ ^[A-Za-z0-9._:+@-]+$ ]] && COMPREPLY+=("$line")
	done
}

# The machines that run, and the devices of one: their names.
_lend_machines() {
	lend ps --json 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d'"' -f4
}
_lend_machine_devices() {
	lend ctl --json "$1" devices 2>/dev/null | grep -o '"qdev_id":"[^"]*"' | cut -d'"' -f4
}

# lend ctl: a machine, a command, and what that takes; options stand anywhere.
_lend_ctl() {
	local full=$1 word=$2 previous=$3 w
	shift 3
	local -a given=()
	for w in "$@"; do [[ $w == -* ]] || given+=("$w"); done
	if [[ $previous == --limit ]]; then
		return
	elif [[ $full == -* ]]; then
		_lend_host ctl "$full" "$word" "$previous"
	elif ((${#given[@]} == 0)); then
		_lend_lines "$full" < <(_lend_machines)
		[[ $full == */* ]] && compopt -o default
	elif ((${#given[@]} == 1)); then
		COMPREPLY=($(compgen -W "$_lend_verbs" -- "$full"))
	elif ((${#given[@]} == 2)) && [[ ${given[1]} == add ]]; then
		if [[ $full == vfio* ]]; then _lend_device "$full" "$word"; else _lend_offer "$full" "$word" "$(_lend_names)"; fi
	elif ((${#given[@]} == 2)) && [[ ${given[1]} == remove ]]; then
		_lend_lines "$full" < <(_lend_machine_devices "${given[0]}")
	fi
}

# lend serve: a kind, and its options
_lend_serve() {
	local kind=$1 full=$2 word=$3 previous=$4 options
	case $previous in
	-s | --socket-path | --romfile) compopt -o default; return ;;
	--format) COMPREPLY=($(compgen -W raw -- "$full")); return ;;
	--fd | --fd-tap | --mac | -q | --queues | --serial | --state-fd | --vf-token) return ;;
	--tap)
		COMPREPLY=($(compgen -W "$(cd /sys/class/net && ls -d */tun_flags 2>/dev/null)" -- "$full"))
		COMPREPLY=("${COMPREPLY[@]%/tun_flags}")
		return ;;
	esac
	# What is no option is a file, or a device.
	if [[ $kind == pci && $full != -* ]]; then
		_lend_offer "$full" "$word" "$(_lend_names)"
		return
	fi
	if [[ $kind == nvme && $full != -* ]]; then
		compopt -o default
		return
	fi
	case $kind in
	net) options="--tap --fd-tap --user --mac --state-fd" ;;
	nvme) options="--queues --format --serial --readonly" ;;
	pci) options="--managed --no-mmap --romfile --no-rom --vf-token --allow-unreset" ;;
	test) options="--faults --lie" ;;
	esac
	COMPREPLY=($(compgen -W "--socket-path --fd --json --verbose --help $options" -- "$full"))
}

_lend_kinds="net nvme pci test"
_lend_verbs="status devices add remove stop cont powerdown reset quit events counters"
_lend_commands="ls check bind unbind vf topology cdi run ps ctl serve"

_lend() {
	local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT}
	local full=${line##*[[:space:]]}
	local before=${line%"$full"}
	local -a words
	read -ra words <<<"$before"
	# A lone "=" or ":" is a cut, not the beginning of a word.
	[[ $word == [=:] ]] && word=
	COMPREPLY=()
	if ((${#words[@]} == 1)); then
		COMPREPLY=($(compgen -W "$_lend_commands help --help --version" -- "$full"))
		return
	fi
	case ${words[1]} in
	help) COMPREPLY=($(compgen -W "$_lend_commands" -- "$full")) ;;
	ls | check | bind | unbind | vf | topology | cdi | ps)
		_lend_host "${words[1]}" "$full" "$word" "${words[-1]}"
		;;
	run) _lend_run "$full" "$word" "${words[-1]}" ;;
	ctl) _lend_ctl "$full" "$word" "${words[-1]}" "${words[@]:2}" ;;
	serve)
		if ((${#words[@]} == 2)); then
			COMPREPLY=($(compgen -W "$_lend_kinds --help" -- "$full"))
		else
			_lend_serve "${words[2]}" "$full" "$word" "${words[-1]}"
		fi
		;;
	esac
}

complete -F _lend lend
