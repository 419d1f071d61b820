/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: the kernel below a whole machine, played at its ioctls: KVM's here, VFIO's
 * in fake_vfio.h. The guest is a table of exits (struct move), and each ioctl can fail (failing_calls.h).
 */
#ifndef TESTS_UNIT_PLAYED_KERNEL_H
#define TESTS_UNIT_PLAYED_KERNEL_H

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "tests/unit/fake_vfio.h"

#include "tests/unit/failing_calls.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/kvm.h"
#include "vmm/machine.h"

/* Pages: the exit, the ring of writes that KVM keeps, the data of ports. */
enum { RUN_BYTES = 3 * 4096, DATA_AT = 2 * 4096, KERNEL_BYTES = 4096, MEMORY_MB = 20, PATIENCE_MS = 50 };
enum { LINES_MOST = 2 }; /* of log for one fault: what failed, and what comes of it */
enum { DEVICE = 1 << 20, COMMAND = 0x04, BAR_0 = 0x10, MSIX = 0x52, LINK_CONTROL = 0x88 };

/* The last three: a page under the guest fails, KVM_RUN ends with EFAULT, KVM cannot go on. */
enum act { CONFIG, CONFIG_ASK, TABLE, PORT, ASK_BACK, BREAK, REFUSED, INTERNAL };
struct move {
	enum act act;
	uint32_t at, length, value;
};

static struct {
	const struct move *moves;
	unsigned next;
	bool built_first; /* calls are counted when the machine is there */
	int kernel, vcpu, container, request, go;
	uint8_t *run; /* of the processor */
	void *guest;  /* a page of its memory */
	bool asked;   /* for the BAR: the answer is in the page */
	uint64_t bar, maps;
	unsigned lines, usual; /* of the log: warnings and errors; where nothing fails */
	char config[80], sys[80];
} play = {.vcpu = -1, .container = -1, .request = -1};

int __real_lend_context_new(const struct lend_context_config *config, struct lend_context **out);
int __wrap_lend_context_new(const struct lend_context_config *config, struct lend_context **out);
int __wrap_lend_context_new(const struct lend_context_config *config, struct lend_context **out)
{
	struct lend_context_config own = *config;

	own.sysfs_root = play.sys;
	own.dev_root = vfio.dev;
	own.config_root = own.state_root = vfio.root;
	return __real_lend_context_new(&own, out);
}

static const char *played_path(const char *path, char room[256])
{
	(void)room;
	return strcmp(path, "/dev/kvm") ? path : "/dev/null";
}

/* As the kernel: without its container nothing is mapped for the device. From any thread. */
static void closed(int fd)
{
	if (fd == __atomic_load_n(&play.vcpu, __ATOMIC_ACQUIRE)) {
		__real_munmap(play.run, RUN_BYTES);
		__atomic_store_n(&play.vcpu, -1, __ATOMIC_RELEASE);
	}
	if (fd == __atomic_load_n(&vfio.device, __ATOMIC_RELAXED))
		__atomic_store_n(&vfio.device, -1, __ATOMIC_RELAXED);
	if (fd == __atomic_load_n(&play.container, __ATOMIC_RELAXED)) {
		__atomic_store_n(&play.maps, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&play.container, -1, __ATOMIC_RELAXED);
	}
}

static void unmapped(size_t length)
{
	if (length >= MIB(MEMORY_MB) && play.maps)
		call_complain(calls->fails_at, calls->fails_nth, "memory goes that the device writes to");
}

static int make_vcpu(void)
{
	int fd = __real_memfd_create("vcpu", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, RUN_BYTES), 0);
	play.run = __real_mmap(NULL, RUN_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(play.run != MAP_FAILED);
	__atomic_store_n(&play.vcpu, fd, __ATOMIC_RELEASE);
	return fd;
}

static int processors(struct kvm_cpuid2 *cpuid)
{
	static const struct kvm_cpuid_entry2 entries[] = {
		{.function = 0, .eax = 1},
		{.function = 1},
		{.function = 0x80000000, .eax = 0x80000008},
		{.function = 0x80000008, .eax = 48 << 8 | 40},
	};

	cpuid->nent = sizeof(entries) / sizeof(*entries);
	memcpy(cpuid->entries, entries, sizeof(entries));
	return 0;
}

static int msrs(struct kvm_msr_list *list)
{
	list->nmsrs = 2;
	list->indices[0] = 0x174;
	list->indices[1] = 0x175;
	return 0;
}

static void leave_by_memory(struct kvm_run *run, uint64_t address, const struct move *move)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = address;
	run->mmio.len = move->length;
	run->mmio.is_write = move->act != CONFIG_ASK;
	memcpy(run->mmio.data, &move->value, sizeof(move->value));
}

static void leave_by_port(struct kvm_run *run, const struct move *move)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.port = (uint16_t)move->at;
	run->io.size = (uint8_t)move->length;
	run->io.count = 1;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.data_offset = DATA_AT;
	memcpy((uint8_t *)run + DATA_AT, &move->value, sizeof(move->value));
}

/*
 * The host wants its device. The guest goes on when it is gone; or after a while, where the call that
 * failed keeps the machine from knowing.
 */
static void ask_back(void)
{
	struct pollfd gone = {.fd = play.go, .events = POLLIN};

	if (play.request >= 0)
		assert_int_equal(eventfd_write(play.request, 1), 0);
	poll(&gone, 1, PATIENCE_MS);
}

/* KVM_RUN completes the last exit first: the answer to a read is there. */
static int come_back(void)
{
	const struct kvm_run *run = (const struct kvm_run *)(void *)play.run;

	if (play.asked)
		memcpy(&play.bar, run->mmio.data, 4);
	play.asked = false;
	return failed(EINTR);
}

/* As the kernel tells a thread in KVM_RUN that a page of guest memory cannot be read any more. */
static void break_page(void)
{
	siginfo_t info = {.si_signo = SIGBUS, .si_code = BUS_ADRERR, .si_addr = play.guest};

	assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &info), 0);
}

static int run_guest(struct kvm_run *run)
{
	const struct move *move = &play.moves[play.next];

	come_back();
	play.next++;
	play.asked = move->act == CONFIG_ASK;
	if (move->act == CONFIG || move->act == CONFIG_ASK)
		leave_by_memory(run, ADDR_ECAM + DEVICE + move->at, move);
	else if (move->act == TABLE)
		leave_by_memory(run, play.bar + move->at, move);
	else if (move->act == PORT)
		leave_by_port(run, move);
	else
		run->exit_reason = move->act == INTERNAL ? KVM_EXIT_INTERNAL_ERROR : KVM_EXIT_INTR;
	if (move->act == ASK_BACK)
		ask_back();
	else if (move->act == BREAK)
		break_page();
	return move->act == REFUSED ? failed(EFAULT) : 0;
}

static int answer_kvm(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return (uintptr_t)arg == KVM_CAP_NR_MEMSLOTS     ? 64
		       : (uintptr_t)arg == KVM_CAP_MAX_VCPUS     ? 8
		       : (uintptr_t)arg == KVM_CAP_IRQ_ROUTING   ? 1024
		       : (uintptr_t)arg == KVM_CAP_COALESCED_PIO ? 0
								 : 1;
	case KVM_CREATE_VM:
		return __real_open("/dev/null", O_RDWR | O_CLOEXEC);
	case KVM_CREATE_VCPU:
		return make_vcpu();
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_BYTES;
	case KVM_GET_SUPPORTED_CPUID:
		return processors(arg);
	case KVM_GET_MSR_INDEX_LIST:
		return msrs(arg);
	case KVM_GET_MSRS:
	case KVM_SET_MSRS:
		return (int)((const struct kvm_msrs *)arg)->nmsrs;
	case KVM_GET_TSC_KHZ:
		return 1000000;
	case KVM_CREATE_DEVICE:
		((struct kvm_create_device *)arg)->fd =
			(uint32_t)__real_open("/dev/null", O_RDWR | O_CLOEXEC);
		return 0;
	case KVM_RUN:
		return run_guest((struct kvm_run *)(void *)play.run);
	default:
		return 0;
	}
}

static int answer_irq(struct vfio_irq_info *info)
{
	static const uint32_t counts[] = {1, 0, 4, 1, 1};

	info->count = info->index < 5 ? counts[info->index] : 0;
	info->flags =
		VFIO_IRQ_INFO_EVENTFD |
		(info->index ? VFIO_IRQ_INFO_NORESIZE : VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED);
	return 0;
}

/* The trigger of the host's request. */
static void note_irqs(const struct vfio_irq_set *set)
{
	int32_t fd = -1;

	if (set->index != VFIO_PCI_REQ_IRQ_INDEX)
		return;
	if (set->count && set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(&fd, set->data, sizeof(fd));
	play.request = fd;
}

static const uint8_t device_config[256] = {
	0x36,
	0x1b,
	0x10,
	0x00,
	0,
	0,
	0x10,
	0,
	0,
	2,
	8,
	1,
	0,
	0,
	0,
	0, /* capabilities; NVMe */
	[0x34] = 0x40,
	[0x3d] = 1, /* INTA */
	[0x40] = 0x01,
	0x50,
	0x03,
	0x00, /* power management */
	[0x50] = 0x11,
	0x80,
	3,
	0,
	0,
	0x20,
	0,
	0,
	0,
	0x30, /* MSI-X: four, in BAR 0 */
	[0x80] = 0x10,
	0x00,
	2,
	0,
	0,
	0,
	0,
	0x10, /* an endpoint with FLR */
};

static void restore_device(void)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/device", vfio.root);
	fd = __real_open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(__real_pwrite(fd, device_config, sizeof(device_config), CONFIG_AT),
			 sizeof(device_config));
	__real_close(fd);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;
	int ret;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	/* How often a processor comes back without a move is a matter of time. */
	if (request == KVM_RUN &&
	    __atomic_load_n(&((struct kvm_run *)(void *)play.run)->immediate_exit, __ATOMIC_ACQUIRE))
		return come_back();
	if (CALL_FAILS("ioctl"))
		return failed(EIO);
	if (_IOC_TYPE(request) == KVMIO)
		return answer_kvm(request, arg);
	vfio.order[0] = '\0'; /* nobody reads it here */
	if (request == VFIO_DEVICE_GET_IRQ_INFO)
		return answer_irq(arg);
	if (request == VFIO_DEVICE_RESET && fd == vfio.device) {
		restore_device();
		return 0;
	}
	if (request == VFIO_DEVICE_SET_IRQS)
		note_irqs(arg);
	ret = __real_ioctl(fd, request, arg);
	if (request == VFIO_IOMMU_MAP_DMA && fd != vfio.device)
		play.guest = (void *)(uintptr_t)vfio.map.vaddr;
	if (request == VFIO_IOMMU_MAP_DMA && fd != vfio.device && !ret)
		__atomic_store_n(&play.container, fd, __ATOMIC_RELAXED), play.maps++;
	if (request == VFIO_IOMMU_UNMAP_DMA && fd != vfio.device && !ret)
		play.maps -= play.maps > 0;
	return ret;
}

#endif
