/* SPDX-License-Identifier: MIT */
/*
 * Builds the machine part by part. When a part fails, vmm_free()
 * takes apart what is there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/firmware/flash_plan.h"
#include "vmm/kvm.h"
#include "vmm/limits.h"
#include "vmm/machine.h"
#include "vmm/report.h"
#include "vmm/x86/tables.h"

static void on_request(void *opaque)
{
	struct vmm *vmm = opaque;
	uint64_t count;

	/* Wakes the loop, no more; vmm_run() acts on the request, outside of any callback. */
	if (read(vmm->request_fd, &count, sizeof(count)) < 0)
		return;
}

static int on_fault(void *opaque)
{
	struct vmm *vmm = opaque;
	int removed = 0;

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		removed += at->function ? lend_function_bar_fault(at->function) : 0;
	return removed;
}

static void on_fatal(void *opaque, const char *text)
{
	vmm_request(opaque, REQUEST_FATAL, text);
}

/* A crash is not to look like a reboot that was wanted: it is said, and without a reboot it is a fault. */
static void on_shutdown(void *opaque, unsigned id)
{
	struct vmm *vmm = opaque;
	char text[128];

	snprintf(text, sizeof(text), "the guest's processor %u shut down (triple fault)", id);
	if (!vmm->config.no_reboot && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "%s; the machine starts again, as a PC does", text);
	vmm_request(vmm, vmm->config.no_reboot ? REQUEST_FATAL : REQUEST_RESET, text);
}

static void on_broken(void *opaque, const struct memory_note *note)
{
	machine_memory_failed(opaque, note->code, note->address);
}

const struct vcpus_ops machine_vcpu_ops = {
	.fault = on_fault, .fatal = on_fatal, .shutdown = on_shutdown, .broken = on_broken};

static int open_kvm(struct vmm *vmm, struct lend_error *error)
{
	int ret;

	vmm->kvm = hv_open("/dev/kvm");
	if (vmm->kvm == -EACCES || vmm->kvm == -EPERM)
		return fail(error, vmm->kvm,
			    "/dev/kvm: no permission: run as root, or add the user to the group kvm "
			    "(usermod -aG kvm USER) and log in again");
	if (vmm->kvm < 0)
		return fail(error, vmm->kvm,
			    "/dev/kvm: %s: load kvm-intel or kvm-amd (modprobe), and switch on "
			    "virtualisation in the firmware",
			    strerror(-vmm->kvm));
	vmm->vm = hv_create_vm(vmm->kvm);
	if (vmm->vm < 0)
		return fail(error, vmm->vm, "/dev/kvm: cannot create a machine: %s", strerror(-vmm->vm));
	if (hv_check(vmm->vm, KVM_CAP_IRQFD) <= 0 || hv_check(vmm->vm, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return fail(error, -EOPNOTSUPP,
			    "/dev/kvm: this kernel's KVM is too old: Linux 5.8 or later is needed");
	slots_init(&vmm->slots, vmm->vm, (unsigned)hv_check(vmm->vm, KVM_CAP_NR_MEMSLOTS));
	ret = hv_set_identity_map(vmm->vm, ADDR_IDENTITY_MAP);
	ret = ret ? ret : hv_set_tss(vmm->vm, ADDR_TSS);
	if (ret)
		return fail(error, ret, "/dev/kvm: cannot place KVM's own pages: %s", strerror(-ret));
	vmm->vfio = hv_create_vfio(vmm->vm);
	if (vmm->vfio < 0) /* most devices work without it; a few drivers look for the hypervisor */
		vmm_log(vmm, LEND_LOG_WARNING,
			"/dev/kvm: no VFIO device (%s): load the module kvm-vfio, or kvm",
			strerror(-vmm->vfio));
	return 0;
}

static int read_cpuid(struct vmm *vmm, struct lend_error *error)
{
	int max = hv_check(vmm->vm, KVM_CAP_MAX_VCPUS);
	int ret;

	if (max > 0 && vmm->config.cpus > (unsigned)max)
		return fail(error, -EINVAL, "-c %u: this host's KVM gives a machine at most %d processors",
			    vmm->config.cpus, max);
	vmm->cpuid = calloc(1, sizeof(*vmm->cpuid));
	if (!vmm->cpuid)
		return fail(error, -ENOMEM, "not enough memory");
	vmm->cpuid->nent = CPUID_ENTRIES;
	ret = hv_supported_cpuid(vmm->kvm, cpuid_kernel(vmm->cpuid));
	return ret ? fail(error, ret, "KVM does not tell what processors it supports: %s", strerror(-ret))
		   : 0;
}

static int init_core(struct vmm *vmm, struct lend_error *error)
{
	const struct lend_context_config context = {
		.size = sizeof(context), .log = vmm->config.log, .opaque = vmm->config.opaque};
	int ret = open_kvm(vmm, error);

	if (!ret)
		ret = read_cpuid(vmm, error);
	if (ret)
		return ret;
	ret = loop_init(&vmm->loop);
	vmm->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ret && vmm->request_fd < 0)
		ret = -errno;
	ret = ret ? ret : loop_add(&vmm->loop, vmm->request_fd, EPOLLIN, on_request, vmm);
	ret = ret ? ret : plugs_init(vmm);
	ret = ret ? ret : lend_context_new(&context, &vmm->context);
	ret = ret ? ret : lend_space_new(vmm->context, &assign_ops, vmm, &vmm->space);
	if (!ret && vmm->config.ports) {
		lend_space_keep(vmm->space);
		lend_context_read_rules(vmm->context); /* no file is opened any more when a device comes */
	}
	return ret ? fail(error, ret, "cannot set the machine up: %s", strerror(-ret)) : 0;
}

/* RAM for the guest (slots) and for the devices (the space). */
static int show_memory(struct vmm *vmm, struct lend_error *error)
{
	struct memory_piece pieces[MEMORY_PIECES_MAX + 1];
	struct lend_range ranges[MEMORY_PIECES_MAX + 1];
	struct memory *memory = &vmm->memory;
	unsigned count;

	memory->piece_count = vmm->layout.ram_count;
	memcpy(memory->pieces, vmm->layout.ram, sizeof(memory->pieces));
	count = map_shown(memory, machine_has_vga(vmm), pieces);
	for (unsigned i = 0; i < count; i++) {
		const struct memory_piece *piece = &pieces[i];
		int slot = slots_add(&vmm->slots, piece->gpa, piece->length, memory->base + piece->offset);

		if (slot < 0)
			return fail(error, slot, "KVM refuses the guest's memory: %s", strerror(-slot));
		ranges[i] = (struct lend_range){
			.iova = piece->gpa.a,
			.length = piece->length,
			.va = memory->base + piece->offset,
			.fd = memory->fd,
			.offset = piece->offset,
			.kind = LEND_RANGE_RAM,
			.merge = true, /* RAM is unmapped only with the machine */
		};
	}
	return lend_space_map(vmm->space, ranges, count, error);
}

static void tell_filled(struct vmm *vmm, uint64_t now)
{
	uint64_t all = vmm->config.memory;

	if (vmm->config.populated)
		vmm->config.populated(vmm->config.opaque, now);
	if (now == all)
		step_end(vmm, VMM_STEP_MEMORY);
	else
		step_begin(vmm, VMM_STEP_MEMORY, "populating guest memory, %.1f of %.1f GiB done",
			   (double)now / (double)GIB(1), (double)all / (double)GIB(1));
}

/* Reports at most once for each 64th of the memory, and the end. */
static void on_filled(void *opaque, uint64_t before, uint64_t now)
{
	struct vmm *vmm = opaque;
	uint64_t all = vmm->config.memory, part = all / 64 + 1;

	if (now && now != all && before / part == now / part)
		return;
	/* Of several threads the slower one may come late: what it tells is old then. */
	pthread_mutex_lock(&vmm->lock);
	if (now >= vmm->filled) {
		vmm->filled = now;
		tell_filled(vmm, now);
	}
	pthread_mutex_unlock(&vmm->lock);
}

/* The node of the first device that has one. Memory from there keeps the device's DMA on its own socket. */
static int devices_node(const struct vmm *vmm)
{
	for (unsigned i = 0; i < vmm->config.device_count; i++) {
		struct lend_host_device host = {.numa_node = -1};
		const char *name = vmm->config.devices[i].host;

		if (name && !lend_host_find(vmm->context, name, &host, sizeof(host), NULL) &&
		    host.numa_node >= 0)
			return host.numa_node;
	}
	return -1;
}

/* The server of a device gets the memory's descriptor, and maps it. */
static bool is_served(const struct vmm *vmm)
{
	for (unsigned i = 0; i < vmm->config.device_count; i++)
		if (vmm->config.devices[i].backend == LEND_BACKEND_USER)
			return true;
	return false;
}

/* Memory is populated while the devices are opened, because both take long. */
static int begin_memory(struct vmm *vmm, struct lend_error *error)
{
	int node = vmm->config.has_node ? (int)vmm->config.node : devices_node(vmm);
	const struct memory_kind kind = {.size = vmm->config.memory,
					 .has_node = node >= 0,
					 .node_asked = vmm->config.has_node,
					 .node = node < 0 ? 0 : (unsigned)node,
					 .huge_page = vmm->config.huge_page,
					 .sysfs = "/sys",
					 .shared = vmm->config.shared || is_served(vmm),
					 .filled = on_filled,
					 .opaque = vmm};

	int ret = memory_new(&vmm->memory, &kind, error);

	if (!ret && vmm->memory.on_node)
		vmm_log(vmm, LEND_LOG_INFO, "guest memory comes from node %u of the host%s", kind.node,
			kind.node_asked ? "" : ", that of the devices, as long as it has any");
	return ret;
}

/* Whether memory is populated before it is used: the kernel pins it for a device, or some may be lacking. */
static bool is_awaited(const struct vmm *vmm)
{
	bool pinned = vmm->config.ports;

	for (unsigned i = 0; i < vmm->config.device_count; i++)
		pinned |= vmm->config.devices[i].backend != LEND_BACKEND_USER;
	return pinned || machine_may_lack_memory(vmm);
}

static int await_memory(struct vmm *vmm, struct lend_error *error)
{
	int ret = memory_wait(&vmm->memory, error);

	/* Nobody has told of the end where it failed, or where the kernel is too old to populate. */
	if (vmm->filled < vmm->config.memory)
		tell_filled(vmm, vmm->config.memory);
	return ret;
}

static int open_devices(struct vmm *vmm, struct lend_error *error)
{
	int ret = devices_open(vmm, error);
	int filled = ret || is_awaited(vmm) ? await_memory(vmm, ret ? NULL : error) : 0;

	return ret ? ret : filled;
}

/* What the machine starts with: a kernel, or firmware, and one of them alone. */
static int check_start(const struct vmm_config *config, struct lend_error *error)
{
	if (config->firmware && config->kernel_fd >= 0)
		return fail(error, -EINVAL,
			    "-kernel and -firmware exclude each other: firmware starts what is on a device; "
			    "leave one of them out");
	return 0;
}

int vmm_check(const struct vmm_config *config, struct lend_error *error)
{
	const struct boot_config boot = machine_boot_config(config, NULL);
	struct flash_plan plan;
	int ret = check_start(config, error);

	if (!ret && config->firmware)
		return flash_plan(config->firmware, &plan, error);
	return ret ? ret : boot_check(&boot, config->memory, error);
}

static int check_images(struct vmm *vmm, struct lend_error *error)
{
	const struct boot_config config = machine_boot_config(&vmm->config, NULL);
	int ret = vmm_check(&vmm->config, error);

	/* Where it fails, the file counts as changed. */
	if (!ret && !vmm->config.firmware)
		vmm->kernel = machine_kernel_state(&vmm->config);
	if (!ret && !vmm->config.firmware && boot_may_cut(&config))
		vmm_log(vmm, LEND_LOG_WARNING,
			"the kernel's command line (-append) has %zu bytes: a PVH file does not say how many "
			"it takes, and Linux takes %d",
			strlen(config.cmdline), CMDLINE_LINUX);
	return ret;
}

static int open_report(struct vmm *vmm, struct lend_error *error)
{
	(void)error;
	report_open(vmm);
	return 0;
}

/* In this order; see docs/architecture.md, "A life". A part without a text reports its steps itself. */
static const struct {
	int (*make)(struct vmm *vmm, struct lend_error *error);
	const char *what;
} parts[] = {
	{check_images, "reading the kernel's header"},
	{firmware_new, "reading the firmware's image"},
	{init_core, "setting up KVM and VFIO"},
	{limits_check, "comparing what is needed with the kernel's limits"},
	{open_report, "opening the host's table of interrupts"},
	{chips_init, "making the interrupt controllers"},
	{firmware_init, "making the firmware's chips"},
	{begin_memory, "reserving guest memory"},
	{ahead_begin, NULL},
	{open_devices, NULL},
	{devices_place, "reading the devices' config space"},
	{limits_check, "comparing what the devices need with the kernel's limits"},
	{ports_init, "making the chip of hotplug"},
	{ecam_init, "making PCI's config space"},
	{firmware_describe, "telling the firmware what the machine is"},
	{show_memory, "mapping guest memory for KVM and the IOMMU"},
	{devices_reset, NULL},
	{ahead_wait, "waiting for the processors and the kernel"},
	{posts_init, NULL},
	{firmware_post, "telling KVM which writes it keeps"},
	{machine_boot, NULL},
	{await_memory, "waiting for guest memory"},
};

int machine_build(struct vmm *vmm, struct lend_error *error)
{
	int ret = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && !ret; i++) {
		if (parts[i].what)
			step_begin(vmm, VMM_STEP_MAIN, "%s", parts[i].what);
		ret = parts[i].make(vmm, error);
		if (parts[i].what)
			step_end(vmm, VMM_STEP_MAIN);
	}
	return ret;
}
