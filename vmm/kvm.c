/* SPDX-License-Identifier: MIT */
/* KVM's ioctls (Documentation/virt/kvm/api.rst), one function a call. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "vmm/kvm.h"

static int result(int ret)
{
	return ret < 0 ? -errno : ret;
}

int hv_open(const char *path)
{
	int kvm = open(path, O_RDWR | O_CLOEXEC);

	return result(kvm);
}

int hv_check(int fd, unsigned capability)
{
	return result(ioctl(fd, KVM_CHECK_EXTENSION, (unsigned long)capability));
}

int hv_vcpu_mmap_size(int kvm)
{
	return result(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL));
}

int hv_supported_cpuid(int kvm, struct kvm_cpuid2 *cpuid)
{
	return result(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid));
}

int hv_msr_list(int kvm, struct kvm_msr_list *list)
{
	return result(ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list));
}

int hv_create_vm(int kvm)
{
	return result(ioctl(kvm, KVM_CREATE_VM, 0UL));
}

int hv_set_tss(int vm, uint64_t address)
{
	return result(ioctl(vm, KVM_SET_TSS_ADDR, (unsigned long)address));
}

int hv_set_identity_map(int vm, uint64_t address)
{
	return result(ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &address));
}

int hv_create_irqchip(int vm)
{
	return result(ioctl(vm, KVM_CREATE_IRQCHIP, 0UL));
}

int hv_create_pit(int vm)
{
	struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};

	return result(ioctl(vm, KVM_CREATE_PIT2, &config));
}

int hv_get_pit(int vm, struct kvm_pit_state2 *state)
{
	return result(ioctl(vm, KVM_GET_PIT2, state));
}

int hv_set_pit(int vm, const struct kvm_pit_state2 *state)
{
	return result(ioctl(vm, KVM_SET_PIT2, state));
}

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, const void *va)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)va,
	};

	return result(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

int hv_set_routes(int vm, const struct kvm_irq_routing *routing)
{
	return result(ioctl(vm, KVM_SET_GSI_ROUTING, routing));
}

int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)eventfd, .gsi = gsi, .flags = flags};

	return result(ioctl(vm, KVM_IRQFD, &irqfd));
}

int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)eventfd,
				  .gsi = gsi,
				  .flags = KVM_IRQFD_FLAG_RESAMPLE,
				  .resamplefd = (uint32_t)resamplefd};

	return result(ioctl(vm, KVM_IRQFD, &irqfd));
}

int hv_irq_line(int vm, unsigned gsi, int level)
{
	struct kvm_irq_level line = {.irq = gsi, .level = (uint32_t)level};

	return result(ioctl(vm, KVM_IRQ_LINE, &line));
}

int hv_signal_msi(int vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};
	int ret = result(ioctl(vm, KVM_SIGNAL_MSI, &msi));

	return ret < 0 ? ret : 0; /* else how many processors it reached */
}

int hv_ioeventfd(int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags)
{
	struct kvm_ioeventfd event = {
		.datamatch = data, .addr = address, .len = length, .fd = eventfd, .flags = flags};

	return result(ioctl(vm, KVM_IOEVENTFD, &event));
}

int hv_coalesce(int vm, uint64_t at, uint32_t length, uint32_t port, int kept)
{
	struct kvm_coalesced_mmio_zone zone = {.addr = at, .size = length, .pio = port};

	return result(ioctl(vm, kept ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &zone));
}

int hv_get_irqchip(int vm, struct kvm_irqchip *chip)
{
	return result(ioctl(vm, KVM_GET_IRQCHIP, chip));
}

int hv_set_irqchip(int vm, struct kvm_irqchip *chip)
{
	return result(ioctl(vm, KVM_SET_IRQCHIP, chip));
}

int hv_create_vfio(int vm)
{
	struct kvm_create_device device = {.type = KVM_DEV_TYPE_VFIO};
	int ret = result(ioctl(vm, KVM_CREATE_DEVICE, &device));

	return ret < 0 ? ret : (int)device.fd;
}

int hv_vfio_file(int vfio, int fd, int add)
{
	int32_t file = fd;
	/* ADD and DEL of a group are, since 6.6, those of any VFIO file: the same numbers. */
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = add ? KVM_DEV_VFIO_GROUP_ADD : KVM_DEV_VFIO_GROUP_DEL,
		.addr = (uintptr_t)&file,
	};

	return result(ioctl(vfio, KVM_SET_DEVICE_ATTR, &attr));
}

int hv_create_vcpu(int vm, unsigned id)
{
	return result(ioctl(vm, KVM_CREATE_VCPU, (unsigned long)id));
}

int hv_run(int vcpu)
{
	return result(ioctl(vcpu, KVM_RUN, 0UL));
}

int hv_set_cpuid(int vcpu, const struct kvm_cpuid2 *cpuid)
{
	return result(ioctl(vcpu, KVM_SET_CPUID2, cpuid));
}

int hv_tsc_khz(int vcpu)
{
	return result(ioctl(vcpu, KVM_GET_TSC_KHZ, 0UL));
}

int hv_clock_paused(int vcpu)
{
	return result(ioctl(vcpu, KVM_KVMCLOCK_CTRL, 0UL));
}

int hv_get_regs(int vcpu, struct kvm_regs *regs)
{
	return result(ioctl(vcpu, KVM_GET_REGS, regs));
}

int hv_set_regs(int vcpu, const struct kvm_regs *regs)
{
	return result(ioctl(vcpu, KVM_SET_REGS, regs));
}

int hv_get_sregs(int vcpu, struct kvm_sregs *sregs)
{
	return result(ioctl(vcpu, KVM_GET_SREGS, sregs));
}

int hv_set_sregs(int vcpu, const struct kvm_sregs *sregs)
{
	return result(ioctl(vcpu, KVM_SET_SREGS, sregs));
}

int hv_get_msrs(int vcpu, struct kvm_msrs *msrs)
{
	return result(ioctl(vcpu, KVM_GET_MSRS, msrs));
}

int hv_set_msrs(int vcpu, const struct kvm_msrs *msrs)
{
	return result(ioctl(vcpu, KVM_SET_MSRS, msrs));
}

int hv_get_lapic(int vcpu, struct kvm_lapic_state *lapic)
{
	return result(ioctl(vcpu, KVM_GET_LAPIC, lapic));
}

int hv_set_lapic(int vcpu, const struct kvm_lapic_state *lapic)
{
	return result(ioctl(vcpu, KVM_SET_LAPIC, lapic));
}

int hv_get_fpu(int vcpu, struct kvm_fpu *fpu)
{
	return result(ioctl(vcpu, KVM_GET_FPU, fpu));
}

int hv_set_fpu(int vcpu, const struct kvm_fpu *fpu)
{
	return result(ioctl(vcpu, KVM_SET_FPU, fpu));
}

int hv_get_xcrs(int vcpu, struct kvm_xcrs *xcrs)
{
	return result(ioctl(vcpu, KVM_GET_XCRS, xcrs));
}

int hv_set_xcrs(int vcpu, const struct kvm_xcrs *xcrs)
{
	return result(ioctl(vcpu, KVM_SET_XCRS, xcrs));
}

int hv_get_events(int vcpu, struct kvm_vcpu_events *events)
{
	return result(ioctl(vcpu, KVM_GET_VCPU_EVENTS, events));
}

int hv_set_events(int vcpu, const struct kvm_vcpu_events *events)
{
	return result(ioctl(vcpu, KVM_SET_VCPU_EVENTS, events));
}

int hv_get_debug(int vcpu, struct kvm_debugregs *debug)
{
	return result(ioctl(vcpu, KVM_GET_DEBUGREGS, debug));
}

int hv_set_debug(int vcpu, const struct kvm_debugregs *debug)
{
	return result(ioctl(vcpu, KVM_SET_DEBUGREGS, debug));
}

int hv_get_mp_state(int vcpu, struct kvm_mp_state *state)
{
	return result(ioctl(vcpu, KVM_GET_MP_STATE, state));
}

int hv_set_mp_state(int vcpu, const struct kvm_mp_state *state)
{
	return result(ioctl(vcpu, KVM_SET_MP_STATE, state));
}
