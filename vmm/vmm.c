/* SPDX-License-Identifier: MIT */
/*
 * The machine's life: built, booted, run, rebooted, taken apart. vmm_new()
 * leaves a half-built machine to vmm_free(), which takes apart whatever is
 * there, in the reverse order.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"
#include "vmm/x86/tables.h"

enum { LOG_LINES = 8 };
#define LOG_WINDOW_NS 10000000000ULL

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!vmm->config.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	vmm->config.log(vmm->config.opaque, level, line);
}

bool vmm_may_log(struct vmm *vmm)
{
	uint64_t now = now_ns();
	bool may;

	pthread_mutex_lock(&vmm->lock);
	if (now - vmm->log_window > LOG_WINDOW_NS) {
		vmm->log_window = now;
		vmm->log_lines = 0;
	}
	may = vmm->log_lines++ < LOG_LINES;
	pthread_mutex_unlock(&vmm->lock);
	return may;
}

void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	uint64_t one = 1;

	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	pthread_mutex_lock(&vmm->lock);
	/* A stop goes before a reboot: the guest does not keep the machine from ending. */
	if (vmm->request == REQUEST_NONE || (vmm->request == REQUEST_RESET && request != REQUEST_RESET)) {
		vmm->request = request;
		snprintf(vmm->request_text, sizeof(vmm->request_text), "%s", text);
	}
	if (write(vmm->request_fd, &one, sizeof(one)) < 0)
		vmm->request_text[0] = 0; /* at its limit: the loop is awake anyway */
	pthread_mutex_unlock(&vmm->lock);
}

static enum request take_request(struct vmm *vmm, struct lend_error *error)
{
	enum request request;

	pthread_mutex_lock(&vmm->lock);
	request = vmm->request;
	vmm->request = REQUEST_NONE;
	if (request == REQUEST_FATAL)
		fail(error, 0, "%s", vmm->request_text);
	pthread_mutex_unlock(&vmm->lock);
	return request;
}

static void on_request(void *opaque)
{
	struct vmm *vmm = opaque;
	uint64_t count;

	/* Only wakes the loop; vmm_run() acts, outside of any callback. */
	if (read(vmm->request_fd, &count, sizeof(count)) < 0)
		return;
}

static int on_fault(void *opaque)
{
	struct vmm *vmm = opaque;
	int removed = 0;

	for (unsigned i = 0; i < vmm->assigned_count; i++)
		removed += lend_function_bar_fault(vmm->assigned[i].function);
	return removed;
}

static void on_fatal(void *opaque, const char *text)
{
	vmm_request(opaque, REQUEST_FATAL, text);
}

static const struct vcpus_ops vcpu_ops = {.fault = on_fault, .fatal = on_fatal};

static int open_kvm(struct vmm *vmm, struct lend_error *error)
{
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
	hv_set_identity_map(vmm->vm, ADDR_IDENTITY_MAP);
	hv_set_tss(vmm->vm, ADDR_TSS);
	vmm->vfio = hv_create_vfio(vmm->vm);
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
	ret = ret ? ret : lend_context_new(&context, &vmm->context);
	ret = ret ? ret : lend_space_new(vmm->context, &assign_ops, vmm, &vmm->space);
	return ret ? fail(error, ret, "cannot set the machine up: %s", strerror(-ret)) : 0;
}

/* RAM for the guest (slots) and for the devices (the space). */
static int show_memory(struct vmm *vmm, struct lend_error *error)
{
	struct lend_range ranges[MEMORY_PIECES_MAX];
	struct memory *memory = &vmm->memory;

	memory->piece_count = vmm->layout.ram_count;
	memcpy(memory->pieces, vmm->layout.ram, sizeof(memory->pieces));
	for (unsigned i = 0; i < memory->piece_count; i++) {
		const struct memory_piece *piece = &memory->pieces[i];
		int slot = slots_add(&vmm->slots, piece->gpa, piece->length, memory->base + piece->offset);

		if (slot < 0)
			return fail(error, slot, "KVM refuses the guest's memory: %s", strerror(-slot));
		ranges[i] = (struct lend_range){
			.iova = piece->gpa.a,
			.length = piece->length,
			.va = memory->base + piece->offset,
			.fd = -1,
			.kind = LEND_RANGE_RAM,
		};
	}
	return lend_space_map(vmm->space, ranges, memory->piece_count, error);
}

/* Memory is populated while the devices are opened; both take their time. */
static int init_devices(struct vmm *vmm, struct lend_error *error)
{
	const struct memory_kind kind = {
		.size = vmm->config.memory, .huge_page = vmm->config.huge_page, .shared = vmm->config.shared};
	int ret = memory_new(&vmm->memory, &kind, error);
	int filled;

	if (ret)
		return ret;
	ret = devices_open(vmm, error);
	filled = memory_wait(&vmm->memory, ret ? NULL : error);
	ret = ret ? ret : filled;
	ret = ret ? ret : devices_place(vmm, error);
	ret = ret ? ret : show_memory(vmm, error);
	return ret ? ret : devices_reset(vmm, error);
}

static int init_vcpus(struct vmm *vmm, struct lend_error *error)
{
	const struct cpuid_config config = {
		.cpus = vmm->config.cpus,
		.tsc_deadline = hv_check(vmm->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0,
	};

	vmm->vcpus.kvm = vmm->kvm;
	vmm->vcpus.vm = vmm->vm;
	vmm->vcpus.memory_bus = &vmm->memory_bus;
	vmm->vcpus.port_bus = &vmm->port_bus;
	vmm->vcpus.ops = &vcpu_ops;
	vmm->vcpus.opaque = vmm;
	return vcpus_init(&vmm->vcpus, config.cpus, vmm->cpuid, &config, error);
}

static struct boot_config boot_config(const struct vmm *vmm)
{
	return (struct boot_config){
		.kernel_fd = vmm->config.kernel_fd,
		.initrd_fd = vmm->config.initrd_fd,
		.kernel_name = vmm->config.kernel_name,
		.initrd_name = vmm->config.initrd_name,
		.cmdline = vmm->config.cmdline ? vmm->config.cmdline : "",
		.layout = &vmm->layout,
	};
}

/* Everything that is the same before the first boot and before each other one. */
static int boot(struct vmm *vmm, struct lend_error *error)
{
	struct boot_config config = boot_config(vmm);
	struct boot_entry entry;
	int ret = topology_assign(&vmm->topology, &vmm->layout, error);

	if (ret)
		return ret;
	ret = acpi_write(&vmm->memory, &vmm->layout, vmm->config.cpus, vmm->topology.has_io, &config.rsdp);
	ret = ret ? ret : smbios_write(&vmm->memory, vmm->config.uuid);
	if (ret)
		return fail(error, ret, "the machine's tables do not fit into its memory: raise -m");
	ret = boot_load(&vmm->memory, &config, &entry, error);
	if (ret)
		return ret;
	ret = vcpus_reset(&vmm->vcpus, &vmm->memory, &entry);
	return ret ? fail(error, ret, "KVM does not take the processors' state: %s", strerror(-ret)) : 0;
}

static int build(struct vmm *vmm, struct lend_error *error)
{
	const struct boot_config config = boot_config(vmm);
	int ret = boot_check(&config, vmm->config.memory, error);

	ret = ret ? ret : init_core(vmm, error);
	ret = ret ? ret : chips_init(vmm, error);
	ret = ret ? ret : init_devices(vmm, error);
	ret = ret ? ret : init_vcpus(vmm, error);
	return ret ? ret : boot(vmm, error);
}

int vmm_new(const struct vmm_config *config, struct vmm **out, struct lend_error *error)
{
	uint64_t start = now_ns();
	struct vmm *vmm = calloc(1, sizeof(*vmm));
	int ret;

	if (!vmm)
		return fail(error, -ENOMEM, "not enough memory");
	vmm->config = *config;
	vmm->kvm = vmm->vm = vmm->vfio = vmm->cmos_fd = vmm->request_fd = vmm->loop.epoll = -1;
	pthread_mutex_init(&vmm->lock, NULL);
	bus_init(&vmm->memory_bus);
	bus_init(&vmm->port_bus);
	ret = build(vmm, error);
	if (ret) {
		vmm_free(vmm);
		return ret;
	}
	vmm->boot_ns = now_ns() - start;
	*out = vmm;
	return 0;
}

static int reboot(struct vmm *vmm, struct lend_error *error)
{
	int ret = devices_reset(vmm, error);

	if (!ret && chips_reset(vmm))
		ret = fail(error, -EIO, "KVM does not take the interrupt controllers' state");
	ret = ret ? ret : boot(vmm, error);
	if (!ret) {
		vmm->reboots++;
		vcpus_order(&vmm->vcpus, VCPUS_RUN);
	}
	return ret;
}

/* Acts on a request; true when the machine has ended, and how is in *end. */
static bool act(struct vmm *vmm, enum request request, enum vmm_end *end, struct lend_error *error)
{
	static const enum vmm_end ends[] = {
		[REQUEST_RESET] = VMM_END_REBOOT, [REQUEST_OFF] = VMM_END_POWEROFF,
		[REQUEST_PANIC] = VMM_END_PANIC,  [REQUEST_FATAL] = VMM_END_FAULT,
		[REQUEST_STOP] = VMM_END_STOPPED,
	};

	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	*end = ends[request];
	if (request != REQUEST_RESET || vmm->config.no_reboot)
		return true;
	if (reboot(vmm, error) == 0)
		return false;
	*end = VMM_END_ERROR;
	return true;
}

enum vmm_end vmm_run(struct vmm *vmm, struct lend_error *error)
{
	enum vmm_end end = VMM_END_ERROR;
	bool ended = false;
	int ret = vcpus_start(&vmm->vcpus, error);

	if (ret)
		return VMM_END_ERROR;
	pthread_mutex_lock(&vmm->lock);
	if (vmm->request == REQUEST_NONE)
		vcpus_order(&vmm->vcpus, VCPUS_RUN);
	pthread_mutex_unlock(&vmm->lock);
	while (!ended) {
		enum request request = take_request(vmm, error);

		if (request != REQUEST_NONE) {
			ended = act(vmm, request, &end, error);
			continue;
		}
		ret = loop_once(&vmm->loop);
		if (ret) {
			fail(error, ret, "the machine's event loop failed: %s", strerror(-ret));
			ended = true;
		}
	}
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	devices_quiesce(vmm);
	return end;
}

void vmm_power_button(struct vmm *vmm)
{
	power_button(&vmm->power);
}

void vmm_stop(struct vmm *vmm)
{
	vmm_request(vmm, REQUEST_STOP, "");
}

int vmm_watch(struct vmm *vmm, int fd, void (*fn)(void *opaque), void *opaque)
{
	return loop_add(&vmm->loop, fd, EPOLLIN, fn, opaque);
}

void vmm_stats(const struct vmm *vmm, struct vmm_stats *out)
{
	*out = (struct vmm_stats){
		.config = __atomic_load_n(&vmm->topology.accesses, __ATOMIC_RELAXED),
		.serial = vmm->serial.accesses,
		.reboots = vmm->reboots,
		.boot_ns = vmm->boot_ns,
	};
	for (unsigned i = 0; i < vmm->vcpus.count; i++) {
		const struct vcpu *vcpu = &vmm->vcpus.vcpu[i];

		out->exits += vcpu->exits;
		out->mmio += vcpu->mmio;
		out->pio += vcpu->pio;
		out->faults += vcpu->faults;
	}
	for (unsigned i = 0; i < 0x100; i++)
		out->port[i] = __atomic_load_n(&vmm->vcpus.port[i], __ATOMIC_RELAXED);
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		struct lend_function_counters counters;

		lend_function_count(vmm->assigned[i].function, &counters);
		out->bar += counters.bar_reads + counters.bar_writes;
	}
}

void vmm_explain(struct vmm *vmm)
{
	struct lend_explain_row rows[64];

	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		const char *name = lend_device_info(vmm->assigned[i].device)->name;
		size_t count = lend_function_explain(vmm->assigned[i].function, rows, 64);

		for (size_t j = 0; j < count && j < 64; j++)
			vmm_log(vmm, LEND_LOG_INFO, "%s: BAR %u %#llx to %#llx %s: %s", name, rows[j].region,
				(unsigned long long)rows[j].offset,
				(unsigned long long)(rows[j].offset + rows[j].length - 1),
				rows[j].direct ? "direct" : "trapped", rows[j].text);
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vmm_free(struct vmm *vmm)
{
	if (!vmm)
		return;
	vcpus_free(&vmm->vcpus);
	if (vmm->assigned)
		devices_close(vmm);
	lend_space_free(vmm->space);
	chips_free(vmm);
	loop_free(&vmm->loop);
	lend_context_free(vmm->context);
	close_fd(&vmm->request_fd);
	close_fd(&vmm->vfio);
	close_fd(&vmm->vm);
	close_fd(&vmm->kvm);
	memory_free(&vmm->memory);
	free(vmm->cpuid);
	free(vmm);
}
