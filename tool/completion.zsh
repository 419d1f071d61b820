#compdef lend
# SPDX-License-Identifier: MIT
# zsh completion for lend(1): commands, options, values, and this computer's
# devices, by address and by the name of their interface or disk.

_lend_devices() {
	local -a devices
	devices=(/sys/bus/pci/devices/*(N:t) /sys/class/net/*/device(N:h:t)
		/sys/class/nvme/*/nvme*n*(N:t))
	compadd "$@" -a devices
}

_lend_property() {
	local -a switches words vfio user
	# Properties of -device: those that are on or off, and the others; and those that one driver alone has.
	switches=(managed x-req x-no-mmap x-intx x-no-kvm-intx x-no-kvm-msi x-no-kvm-msix
		x-allow-unreset x-vga x-no-kvm-ioeventfd x-no-vfio-ioeventfd x-no-geforce-quirks)
	words=(host sysfsdev claim expect id bootindex iommufd fd vf-token romfile rombar romsize ats x-p2p x-config
		x-on-error x-intx-mmap-timeout-ms x-msix-relocation x-pci-vendor-id x-pci-device-id
		x-pci-sub-vendor-id x-pci-sub-device-id x-pci-class-code x-nv-gpudirect-clique
		give-up-ms socket x-msg-timeout reconnect)
	vfio=(host sysfsdev claim expect managed fd iommufd vf-token x-no-vfio-ioeventfd)
	user=(socket x-msg-timeout reconnect)
	if [[ $PREFIX == vfio-user-pci,* ]]; then
		switches=(${switches:|vfio}) words=(${words:|vfio})
	else
		switches=(${switches:|user}) words=(${words:|user})
	fi
	# What stands before the last comma is done.
	if ! compset -P '*,'; then
		compadd -S , vfio-pci vfio-user-pci
	elif compset -P 'host='; then
		_lend_devices -S ,
	elif compset -P 'sysfsdev='; then
		local -a paths
		paths=(/sys/bus/pci/devices/*(N))
		compadd -S , -a paths
	elif compset -P '(romfile|socket)='; then
		_files
	elif compset -P 'rombar='; then
		compadd -S , -- 0 1 -1
	elif compset -P '(ats|x-p2p|iommufd)='; then
		compadd -S , auto on off
	elif compset -P 'x-config='; then
		compadd -S , open strict
	elif compset -P 'x-on-error='; then
		compadd -S , forward remove stop continue
	elif compset -P 'x-msix-relocation='; then
		compadd -S , off bar{0..5}
	elif compset -P "(${(j:|:)switches})="; then
		compadd -S , on off
	elif compset -P '*='; then
		_message 'value'
	else
		compadd -S = -a switches
		compadd -S = -a words
	fi
}

# The machines that run, by name, or a control socket by its path.
_lend_machines() {
	local -a machines
	machines=(${(f)"$(lend ps --json 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d'"' -f4)"})
	compadd -a machines
	_files
}

# What add and remove take: a device of this computer, or one of the machine.
_lend_ctl_device() {
	local -a ids
	if (( ${words[(I)add]} )); then
		_lend_property
		_lend_devices
	elif (( ${words[(I)remove]} )); then
		ids=(${(f)"$(lend ctl --json $words[2] devices 2>/dev/null | grep -o '"qdev_id":"[^"]*"' | cut -d'"' -f4)"})
		compadd -a ids
	fi
}

# SIZE,...: the size is left to the user.
_lend_memory() {
	local -a nodes names
	if compset -P '*,hugetlb='; then
		compadd -S , 2M 1G on
	elif compset -P '*,share='; then
		compadd -S , on off
	elif compset -P '*,node='; then
		nodes=(/sys/devices/system/node/node<0->(N:t:s/node//))
		compadd -S , -a nodes
	elif compset -P '*,'; then
		names=(hugetlb share node)
		compadd -S = -a names
	else
		_message 'MiB, or with a letter: 4G'
	fi
}

# N,...: both numbers are left to the user.
_lend_cpus() {
	if compset -P '*,pin='; then
		_message 'processors of this computer: 0-3,8'
	elif compset -P '*,'; then
		compadd -S = pin
	else
		_message number
	fi
}

# What lend serve is given beside options: an image, or a device of this computer.
_lend_served() {
	if (( ${words[(I)pci]} )); then
		_lend_devices
	else
		_files
	fi
}

# The firmware that this computer prefers, or an image.
_lend_firmware() {
	compadd uefi
	_files
}

_lend_argument() {
	if compset -P '@'; then
		_files
	else
		_message 'option, or @FILE'
	fi
}

_lend() {
	local context state line
	local -a commands
	commands=(
		'ls:show the devices of this computer'
		'check:say what stands between now and a machine with a device'
		'bind:take devices from their drivers'
		'unbind:give them back'
		'vf:make virtual functions of a device, or remove them'
		'topology:draw the devices of this computer'
		'cdi:write what a container engine needs to hand a device on'
		'run:run a virtual machine that owns devices'
		'ps:show the machines that run'
		'ctl:tell a machine that runs what to do'
		'serve:run a device for any monitor that speaks vfio-user'
		'help:list the commands'
	)
	_arguments -C '1: :->command' '*:: :->arguments' && return
	if [[ $state == command ]]; then
		_describe -t commands 'command of lend' commands
		return
	fi
	case $words[1] in
	ls)
		_arguments '(-v --verbose)'{-v,--verbose}'[all that is known]' \
			'--tree[by bus]' '--json[for scripts]' '*:device:_lend_devices' ;;
	check)
		_arguments '(-m --memory)'{-m,--memory}'[memory of the machine]:size:_lend_memory' \
			'(-c --cpus)'{-c,--cpus}'[its processors]:number:_lend_cpus' \
			'*--device[a device, as lend run has it]:device:_lend_property' \
			'--firmware[UEFI firmware, too]:image:_lend_firmware' '--ports[ports for devices that come later]:number:' '--json[for scripts]' \
			'*:device:_lend_devices' ;;
	bind)
		_arguments '--siblings[along with their groups]' \
			'--user[who may open the nodes]:user:_users' \
			'--persist[at each boot]' '--force[also when in use]' \
			'--limit[seconds for a driver]:seconds:' \
			'--boot[what --persist asked for]' '*:device:_lend_devices' ;;
	unbind)
		_arguments '--siblings[along with their groups]' \
			'--persist[not at the next boot either]' \
			'--force[ask who has it open]' \
			'--limit[seconds for a driver]:seconds:' \
			'--stale[what was left behind]' '*:device:_lend_devices' ;;
	vf)
		_arguments '--persist[as many at each boot]' \
			'--force[also when in use]' \
			'--limit[seconds for the driver]:seconds:' \
			'1:device:_lend_devices' '2:count:' ;;
	ps) _arguments '--json[for scripts]' ;;
	ctl)
		_arguments '--force[with remove\: do not ask the guest]' '--no-wait[for the guest]' \
			'--limit[seconds to wait]:seconds:' '--json[for scripts]' \
			'1:machine:_lend_machines' \
			'2:command:(status devices add remove stop cont powerdown reset quit events counters)' \
			'3:device:_lend_ctl_device' ;;
	topology) _arguments '(-o --output)'{-o,--output}'[drawing]:file:_files' ;;
	cdi)
		_arguments '(-o --output --install)'{-o,--output}'[specification]:file:_files' \
			'(-o --output)--install[to /etc/cdi]' \
			'--nodes[which kind]:kind:(group iommufd)' '*:device:_lend_devices' ;;
	help) _describe -t commands 'command of lend' commands ;;
	serve)
		_arguments '1:kind of device:(net nvme pci test)' \
			'(-s --socket-path)'{-s,--socket-path}'[where it listens]:socket:_files' \
			'--fd[its socket]:descriptor:' '--json[for scripts]' \
			'(-v --verbose)'{-v,--verbose}'[more of clients]' \
			'--tap[of net\: a tap]:interface:_net_interfaces' '--fd-tap[of net\: a tap]:descriptor:' \
			'--user[of net\: passt]' '--mac[of net\: its address]:address:' \
			'--state-fd[of net\: what the next server goes on with]:descriptor:' \
			'(-q --queues)'{-q,--queues}'[of nvme\: queue pairs]:number:' \
			'--format[of nvme]:format:(raw)' '--serial[of nvme\: its number]:text:' \
			'--readonly[of nvme\: the guest cannot write]' '*:argument:_lend_served' \
			'--managed[of pci\: take and give back]' '--no-mmap[of pci\: all by messages]' \
			'--romfile[of pci\: expansion ROM]:file:_files' '--no-rom[of pci\: no expansion ROM]' \
			'--vf-token[of pci\: of a virtual function]:UUID:' \
			'--allow-unreset[of pci\: although nothing can reset it]' \
			'--faults[of test\: fail on command]' '--lie[of test\: memory that is not there]' ;;
	run)
		_arguments '-m[memory]:size:_lend_memory' '(-smp)-c[processors]:number:_lend_cpus' \
			'(-c)-smp[processors]:number:_lend_cpus' \
			'-kernel[kernel of the guest]:file:_files' \
			'-kernel-cache[where bzImages are kept unpacked]:folder or off:_files -/' \
			'-initrd[initial RAM disk]:file:_files' \
			'-append[command line of the kernel]:text:' \
			'-firmware[UEFI firmware]:image:_lend_firmware' '-boot[its menu]:what:(menu=on menu=off)' \
			'-rtc[clock of the guest]:base:(base=utc base=localtime)' \
			'*-fw-cfg[a setting for the firmware]:what:(name=opt/)' '-name[the machine]:name:' \
			'*-device[a device]:device:_lend_property' \
			'*-disk[a disk of an image]:image:_files' '*-net[a network card]:where:(user tap= none)' \
			'-qmp[control socket]:where:(unix\: fd\: none)' \
			'-serial[serial line]:where:(stdio none file\: unix\:)' \
			'-sandbox[what the machine gives up]:mode:(on log off)' '-no-sandbox[give up nothing]' \
			'-user[whom the machine becomes]:user:_users' \
			'-uuid[identity]:uuid:' '-no-reboot[a reboot ends it]' \
			'-machine[machine]:what:(cf8=on cf8=off)' '*-v[say more]' \
			'-ports[ports for devices that come later]:number:' \
			'-object[an iommufd]:what:(iommufd,id=)' '--help[options]' \
			'--stats[counters]:file:_files' '--trace[where the start goes]:file:_files' '*:argument:_lend_argument' ;;
	esac
}

_lend "$@"
