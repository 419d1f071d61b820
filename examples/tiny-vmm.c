/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine monitor in one file, on liblend and KVM: one processor, one
 * assigned device in slot 1 of bus 0, a serial port that only writes. It boots
 * an ELF image with a PVH entry and ends when the guest writes to port 0x600.
 *
 *   cc tiny-vmm.c $(pkg-config --cflags --libs liblend) -o tiny-vmm
 *   tiny-vmm 0000:05:00.0 guest.elf "the guest's command line"
 *
 * liblend does all that a PCI function needs. What is left to a monitor is
 * here, in this order: interrupts and BARs as liblend asks for them (struct
 * lend_host_ops), guest memory, the device's life, and the exits of the guest.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lend/lend.h>

enum { RAM = 64 << 20, START_INFO = 0x1000, CMDLINE = 0x2000, GDT = 0x500 };
enum { VECTORS = 32, FIRST_GSI = 24, SLOTS = 64, DEVICE = 1 };
#define ECAM        0xf0000000ull /* of bus 0 alone */
#define ECAM_SIZE   0x100000ull
#define BAR_WINDOW  0xc0000000ull
#define TSS_ADDRESS 0xfffbd000ull

struct vmm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *ram;
	struct lend_function *function;
	struct {
		uint64_t address, size; /* size 0: it is nowhere */
	} bars[LEND_BARS];
	int slot_bar[SLOTS]; /* which BAR a memory slot is of; -1: free. Slot 0 is RAM */
	struct {
		bool set;
		uint64_t address;
		uint32_t data;
	} routes[VECTORS];
};

static void die(const char *what)
{
	fprintf(stderr, "tiny-vmm: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
	exit(1);
}

/* ---- BARs: direct parts become memory slots, the rest traps. ---- */

static int set_slot(struct vmm *vmm, unsigned slot, uint64_t gpa, uint64_t length, void *va)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = length, .userspace_addr = (uintptr_t)va};

	return ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region) ? -errno : 0;
}

static int bar_unmap(void *host, void *peer, unsigned bar)
{
	struct vmm *vmm = host;

	(void)peer;
	vmm->bars[bar].size = 0;
	for (unsigned i = 1; i < SLOTS; i++)
		if (vmm->slot_bar[i] == (int)bar) {
			set_slot(vmm, i, 0, 0, NULL);
			vmm->slot_bar[i] = -1;
		}
	return 0;
}

static int bar_map(void *host, void *peer, const struct lend_bar_map *map)
{
	struct vmm *vmm = host;
	unsigned slot = 1;

	bar_unmap(host, peer, map->bar); /* a map of one that is mapped replaces it */
	if (map->io)
		return 0; /* this monitor has no I/O ports for devices */
	vmm->bars[map->bar].address = map->address;
	vmm->bars[map->bar].size = map->size;
	for (size_t i = 0; i < map->direct_count; i++) {
		const struct lend_bar_direct *direct = &map->direct[i];

		while (slot < SLOTS && vmm->slot_bar[slot] >= 0)
			slot++;
		/* Without a slot it is slower, and works. */
		if (slot < SLOTS &&
		    !set_slot(vmm, slot, map->address + direct->offset, direct->length, direct->va))
			vmm->slot_bar[slot] = (int)map->bar;
	}
	return 0;
}

static void begin(void *host, void *peer)
{
	(void)host, (void)peer;
}

/* The one processor is not in the guest meanwhile: what was done above is seen at once. */
static int commit(void *host, void *peer)
{
	(void)host, (void)peer;
	return 0;
}

/* ---- Message interrupts: a route a vector, and an irqfd on it. ---- */

static int msi_set(void *host, void *peer, unsigned vector, uint64_t address, uint32_t data)
{
	struct vmm *vmm = host;

	(void)peer;
	if (vector >= VECTORS)
		return -ENOSPC;
	vmm->routes[vector].set = true;
	vmm->routes[vector].address = address;
	vmm->routes[vector].data = data;
	return 0;
}

static void msi_free(void *host, void *peer, unsigned vector)
{
	(void)peer;
	if (vector < VECTORS)
		((struct vmm *)host)->routes[vector].set = false;
}

/* KVM takes the whole table. This monitor has no interrupts but these. */
static int msi_commit(void *host, void *peer)
{
	struct vmm *vmm = host;
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) + VECTORS * sizeof(struct kvm_irq_routing_entry)];
	} table = {0};

	(void)peer;
	for (unsigned i = 0; i < VECTORS; i++) {
		struct kvm_irq_routing_entry *entry = &table.head.entries[table.head.nr];

		if (!vmm->routes[i].set)
			continue;
		table.head.nr++;
		entry->gsi = FIRST_GSI + i;
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi.address_lo = (uint32_t)vmm->routes[i].address;
		entry->u.msi.address_hi = (uint32_t)(vmm->routes[i].address >> 32);
		entry->u.msi.data = vmm->routes[i].data;
	}
	return ioctl(vmm->vm, KVM_SET_GSI_ROUTING, &table) ? -errno : 0;
}

static int irqfd(struct vmm *vmm, unsigned vector, int eventfd, uint32_t flags)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)eventfd, .gsi = FIRST_GSI + vector, .flags = flags};

	return ioctl(vmm->vm, KVM_IRQFD, &irqfd) ? -errno : 0;
}

static int msi_attach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer;
	return irqfd(host, vector, eventfd, 0);
}

static int msi_detach(void *host, void *peer, unsigned vector, int eventfd)
{
	(void)peer;
	return irqfd(host, vector, eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

/* What is left out (line interrupts, an event loop, KVM's VFIO device) liblend does without. */
static const struct lend_host_ops host_ops = {
	.size = sizeof(host_ops),
	.bar_begin = begin,
	.bar_map = bar_map,
	.bar_unmap = bar_unmap,
	.bar_commit = commit,
	.msi_begin = begin,
	.msi_set = msi_set,
	.msi_free = msi_free,
	.msi_commit = msi_commit,
	.msi_attach = msi_attach,
	.msi_detach = msi_detach,
};

/* ---- The machine. ---- */

static void make_machine(struct vmm *vmm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vmm->vm = vmm->kvm < 0 ? -1 : ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	if (vmm->vm < 0 || !cpuid)
		die("/dev/kvm");
	if (ioctl(vmm->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS) || ioctl(vmm->vm, KVM_CREATE_IRQCHIP, 0))
		die("KVM's interrupt controller");
	vmm->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vmm->ram == MAP_FAILED || set_slot(vmm, 0, 0, RAM, vmm->ram))
		die("guest memory");
	for (unsigned i = 0; i < SLOTS; i++)
		vmm->slot_bar[i] = -1;
	vmm->vcpu = ioctl(vmm->vm, KVM_CREATE_VCPU, 0);
	vmm->run = mmap(NULL, (size_t)ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			MAP_SHARED, vmm->vcpu, 0);
	cpuid->nent = 256;
	if (vmm->run == MAP_FAILED || ioctl(vmm->kvm, KVM_GET_SUPPORTED_CPUID, cpuid) ||
	    ioctl(vmm->vcpu, KVM_SET_CPUID2, cpuid))
		die("the processor");
	free(cpuid);
}

/* An ELF image with a PVH note: its entry, 32-bit, with EBX at the start info. */
static uint32_t load_elf(struct vmm *vmm, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr head;
	uint32_t entry = 0;

	if (fd < 0 || pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG))
		die(path);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		uint32_t note[64] = {0};
		Elf64_Phdr segment;

		if (pread(fd, &segment, sizeof(segment), (off_t)(head.e_phoff + i * sizeof(segment))) !=
		    sizeof(segment))
			die(path);
		/* name size, size, type 18, "Xen", then the address of the entry */
		if (segment.p_type == PT_NOTE &&
		    pread(fd, note, sizeof(note) - 4, (off_t)segment.p_offset) > 0 && note[2] == 18)
			entry = note[4];
		if (segment.p_type != PT_LOAD)
			continue;
		if (segment.p_paddr > RAM || segment.p_memsz > RAM - segment.p_paddr ||
		    segment.p_filesz > segment.p_memsz ||
		    pread(fd, vmm->ram + segment.p_paddr, segment.p_filesz, (off_t)segment.p_offset) !=
			    (ssize_t)segment.p_filesz)
			die(path);
	}
	close(fd);
	return entry;
}

static void start_processor(struct vmm *vmm, uint32_t entry, const char *cmdline)
{
	const uint64_t gdt[] = {0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	struct kvm_regs regs = {.rip = entry, .rbx = START_INFO, .rflags = 2};
	struct kvm_segment flat = {
		.limit = 0xffffffff, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	struct kvm_sregs sregs;
	uint64_t address = CMDLINE;
	uint32_t magic = 0x336ec578;

	memcpy(vmm->ram + GDT, gdt, sizeof(gdt));
	memcpy(vmm->ram + START_INFO, &magic, sizeof(magic));
	memcpy(vmm->ram + START_INFO + 24, &address, sizeof(address));
	snprintf((char *)vmm->ram + CMDLINE, 4096, "%s", cmdline);
	if (ioctl(vmm->vcpu, KVM_GET_SREGS, &sregs))
		die("registers");
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.cs = flat;
	sregs.cs.selector = 0x10;
	sregs.cs.type = 11;
	sregs.gdt.base = GDT;
	sregs.gdt.limit = sizeof(gdt) - 1;
	sregs.cr0 = 1;
	if (ioctl(vmm->vcpu, KVM_SET_SREGS, &sregs) || ioctl(vmm->vcpu, KVM_SET_REGS, &regs))
		die("registers");
}

/* What firmware does: an address for each BAR. The guest turns memory decode on. */
static void assign_bars(struct vmm *vmm)
{
	uint64_t next = BAR_WINDOW;

	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		struct lend_bar bar;

		lend_function_bar(vmm->function, i, &bar, sizeof(bar));
		if (!bar.size || bar.io)
			continue;
		next = (next + bar.size - 1) & ~(bar.size - 1);
		if (next + bar.size > ECAM)
			die("the BARs do not fit below 4 GiB");
		lend_function_config_write(vmm->function, 0x10 + 4 * i, 4, (uint32_t)next);
		next += bar.size < 4096 ? 4096 : bar.size;
	}
}

/* ---- Exits. ---- */

static void on_mmio(struct vmm *vmm)
{
	unsigned length = vmm->run->mmio.len;
	uint64_t at = vmm->run->mmio.phys_addr, value = UINT64_MAX;
	bool write = vmm->run->mmio.is_write;

	if (write)
		memcpy(&value, vmm->run->mmio.data, length);
	if (at - ECAM < ECAM_SIZE) {
		unsigned offset = at & 0xfff;

		if ((at - ECAM) >> 12 != DEVICE << 3 || length > 4)
			value = UINT64_MAX;
		else if (write)
			lend_function_config_write(vmm->function, offset, length, (uint32_t)value);
		else
			value = lend_function_config_read(vmm->function, offset, length);
	}
	for (unsigned i = 0; i < LEND_BARS; i++) {
		if (at - vmm->bars[i].address >= vmm->bars[i].size)
			continue;
		if (write)
			lend_function_bar_write(vmm->function, i, at - vmm->bars[i].address, length, value);
		else
			value = lend_function_bar_read(vmm->function, i, at - vmm->bars[i].address, length);
	}
	if (!write)
		memcpy(vmm->run->mmio.data, &value, length);
}

/* The serial port takes bytes and is always ready; 0x600 switches off. */
static bool on_io(struct vmm *vmm)
{
	uint8_t *data = (uint8_t *)vmm->run + vmm->run->io.data_offset;

	if (vmm->run->io.direction == KVM_EXIT_IO_OUT) {
		if (vmm->run->io.port == 0x3f8)
			putchar(*data);
		return vmm->run->io.port != 0x600;
	}
	memset(data, vmm->run->io.port == 0x3fd ? 0x60 : 0xff, vmm->run->io.size * vmm->run->io.count);
	return true;
}

static int run(struct vmm *vmm)
{
	for (;;) {
		if (ioctl(vmm->vcpu, KVM_RUN, 0)) {
			/* The kernel serves a BAR no more: it goes, and the access traps. */
			if (errno == EINTR || (errno == EFAULT && lend_function_bar_fault(vmm->function) > 0))
				continue;
			die("KVM_RUN");
		}
		if (vmm->run->exit_reason == KVM_EXIT_MMIO)
			on_mmio(vmm);
		else if (vmm->run->exit_reason != KVM_EXIT_IO)
			return 1;
		else if (!on_io(vmm))
			return 0;
	}
}

int main(int argc, char **argv)
{
	struct lend_function_config config = {
		.size = sizeof(config), .place = LEND_PLACE_ROOT, .no_intx = true};
	struct lend_reset_report report = {.result = -ENOMEM};
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device;
	struct lend_error error;
	struct vmm vmm = {0};

	setbuf(stdout, NULL);
	if (argc != 4)
		die("usage: tiny-vmm ADDRESS GUEST.elf COMMAND-LINE");
	make_machine(&vmm);
	if (lend_context_new(NULL, &context) || lend_space_new(context, &host_ops, &vmm, &space))
		die("liblend");
	/* The device, the memory that it may reach, the function on it, and a reset: then it is ready. */
	if (lend_device_open(space, argv[1], &device, &error))
		errno = 0, die(error.text);
	struct lend_range ram = {.iova = 0, .length = RAM, .va = vmm.ram, .fd = -1, .kind = LEND_RANGE_RAM};
	if (lend_space_map(space, &ram, 1, &error) ||
	    lend_function_new(device, &config, &vmm.function, &error))
		errno = 0, die(error.text);
	lend_context_reset(context, &vmm.function, 1, &report, sizeof(report));
	if (report.result && report.result != -EOPNOTSUPP)
		fprintf(stderr, "tiny-vmm: %s cannot be reset: %s\n", argv[1], strerror(-report.result));
	assign_bars(&vmm);
	start_processor(&vmm, load_elf(&vmm, argv[2]), argv[3]);
	int status = run(&vmm);
	lend_function_free(vmm.function);
	lend_device_close(device);
	lend_space_free(space);
	lend_context_free(context);
	return status;
}
