/* SPDX-License-Identifier: MIT */
/* What the machine reports of itself: counters, and how each BAR is reached. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/firmware/firmware.h"
#include "vmm/interrupts.h"
#include "vmm/machine.h"
#include "vmm/report.h"

enum { ROWS = 128, PORTS_SHOWN = 6 };

/* The ports that were used most come first. */
static void list_ports(const struct vcpus *vcpus, struct vmm_stats *out)
{
	for (unsigned port = 0; port < PORTS_COUNTED; port++) {
		uint64_t count = __atomic_load_n(&vcpus->port[port], __ATOMIC_RELAXED);
		unsigned at = out->port_count;

		while (at && out->ports[at - 1].count < count)
			at--;
		if (!count || at == VMM_PORTS_MAX)
			continue;
		out->port_count += out->port_count < VMM_PORTS_MAX;
		memmove(&out->ports[at + 1], &out->ports[at],
			(out->port_count - at - 1) * sizeof(out->ports[0]));
		out->ports[at].port = (uint16_t)port;
		out->ports[at].count = count;
	}
}

static void add_flash(const struct flash *chip, struct vmm_stats *out)
{
	out->flash += __atomic_load_n(&chip->accesses, __ATOMIC_RELAXED);
	out->flash_slots += __atomic_load_n(&chip->shows, __ATOMIC_RELAXED);
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
	list_ports(&vmm->vcpus, out);
	if (vmm->firmware) {
		add_flash(&vmm->firmware->code.chip, out);
		add_flash(&vmm->firmware->store.chip, out);
	}
	out->device_count = vmm->assigned_count;
	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		const struct lend_device_info *info;
		struct lend_function_counters counters;

		if (!at->function)
			continue; /* given back, or not the guest's yet */
		info = lend_device_info(at->device);
		memcpy(out->devices[at->index].name, info->name, sizeof(out->devices[0].name));
		out->devices[at->index].backend = info->backend;
		lend_function_count(at->function, &counters, sizeof(counters));
		out->bar += counters.bar_reads + counters.bar_writes;
	}
}

void report_open(struct vmm *vmm)
{
	vmm->interrupts = open("/proc/interrupts", O_RDONLY | O_CLOEXEC);
}

void report_close(struct vmm *vmm)
{
	if (vmm->interrupts >= 0)
		close(vmm->interrupts);
	vmm->interrupts = -1;
}

struct printer {
	void (*print)(void *opaque, const char *line);
	void *opaque;
};

static LEND_PRINTF(2, 3) void print(const struct printer *printer, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	printer->print(printer->opaque, line);
}

static void explain(const struct printer *printer, const struct assigned *assigned)
{
	const struct lend_device_info *info = lend_device_info(assigned->device);
	struct lend_explain_row rows[64];
	size_t count = lend_function_explain(assigned->function, rows, 64, sizeof(*rows));

	print(printer, "%s: backend: %s", assigned->name,
	      info->backend == LEND_BACKEND_USER      ? "vfio-user (its server's socket)"
	      : info->backend == LEND_BACKEND_IOMMUFD ? "iommufd (the device's own node and /dev/iommu)"
						      : "legacy (its group and a type1 container)");
	for (size_t i = 0; i < count && i < 64; i++)
		print(printer, "%s: BAR %u %#llx to %#llx %s", assigned->name, rows[i].region,
		      (unsigned long long)rows[i].offset,
		      (unsigned long long)(rows[i].offset + rows[i].length - 1), rows[i].text);
}

void vmm_explain(struct vmm *vmm, void (*fn)(void *opaque, const char *line), void *opaque)
{
	const struct printer printer = {fn, opaque};

	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		if (at->function)
			explain(&printer, at);
}

/*
 * The host counts an interrupt under VFIO's name. What it counted and the loop
 * did not went by the bypass.
 */
static void print_vector(const struct printer *printer, const struct assigned *assigned,
			 const struct lend_vector_count *row, const struct interrupts *table)
{
	static const char *const kinds[] = {
		[LEND_IRQ_INTX] = "intx", [LEND_IRQ_MSI] = "msi", [LEND_IRQ_MSIX] = "msix"};
	char handler[64], name[32], host[48] = "";
	int64_t count;

	if (row->irq == LEND_IRQ_INTX)
		snprintf(name, sizeof(name), "INTx");
	else
		snprintf(name, sizeof(name), "%s vector %u", row->irq == LEND_IRQ_MSI ? "MSI" : "MSI-X",
			 row->vector);
	if (row->irq == LEND_IRQ_INTX)
		snprintf(handler, sizeof(handler), "vfio-intx(%s)", assigned->name);
	else
		snprintf(handler, sizeof(handler), "vfio-%s[%u](%s)", kinds[row->irq], row->vector,
			 assigned->name);
	count = interrupts_count(table, handler);
	if (count >= 0)
		snprintf(host, sizeof(host), "%lld of the host's, ", (long long)count);
	print(printer, "%s: %s: %s%llu by the loop, now %s", assigned->name, name, host,
	      (unsigned long long)row->slow, row->bypass ? "by the bypass" : "by the loop");
}

static void print_pages(const struct printer *printer, const struct assigned *assigned)
{
	struct lend_page_count rows[ROWS];
	size_t count = lend_function_pages(assigned->function, rows, ROWS, sizeof(*rows));

	for (size_t i = 0; i < count && i < ROWS; i++) {
		if (rows[i].bar == LEND_PAGE_REST)
			print(printer, "%s: other pages: %llu reads, %llu writes trapped", assigned->name,
			      (unsigned long long)rows[i].reads, (unsigned long long)rows[i].writes);
		else
			print(printer, "%s: BAR %u page 0x%llx: %llu reads, %llu writes trapped",
			      assigned->name, rows[i].bar, (unsigned long long)rows[i].offset,
			      (unsigned long long)rows[i].reads, (unsigned long long)rows[i].writes);
	}
}

static void print_device(const struct printer *printer, struct assigned *assigned,
			 const struct interrupts *table)
{
	struct lend_function_counters c;
	struct lend_vector_count *rows;
	size_t count;

	lend_function_count(assigned->function, &c, sizeof(c));
	print(printer,
	      "%s: config space %llu reads, %llu writes, %llu went to the device; BARs %llu reads, %llu "
	      "writes "
	      "trapped",
	      assigned->name, (unsigned long long)c.config_reads, (unsigned long long)c.config_writes,
	      (unsigned long long)c.config_syscalls, (unsigned long long)c.bar_reads,
	      (unsigned long long)c.bar_writes);
	print(printer,
	      "%s: %llu interrupts by the loop, %llu peer-to-peer maps, %llu resets, %llu accesses ignored%s",
	      assigned->name, (unsigned long long)c.slow_interrupts, (unsigned long long)c.peer_maps,
	      (unsigned long long)c.resets, (unsigned long long)c.ignored,
	      lend_function_gone(assigned->function) ? "; stopped by an error" : "");
	print_pages(printer, assigned);
	count = lend_function_vectors(assigned->function, NULL, 0, 0);
	rows = calloc(count ? count : 1, sizeof(*rows));
	if (!rows)
		return;
	if (lend_function_vectors(assigned->function, rows, count, sizeof(*rows)) < count)
		count = 0; /* another mode by now */
	for (size_t i = 0; i < count; i++)
		print_vector(printer, assigned, &rows[i], table);
	free(rows);
}

/* Printed twice, the same numbers are those of a processor that never comes out of KVM. */
static void print_processors(const struct printer *printer, const struct vmm *vmm)
{
	for (unsigned i = 0; i < vmm->vcpus.count; i++) {
		const struct vcpu *vcpu = &vmm->vcpus.vcpu[i];
		char pinned[48] = "";

		if (vmm->vcpus.pin)
			snprintf(pinned, sizeof(pinned), " on the host's processor %u", vmm->vcpus.pin[i]);
		print(printer,
		      "processor %u: %llu exits to user space, %llu for ports, %llu for memory; thread %d%s",
		      i, (unsigned long long)vcpu->exits, (unsigned long long)vcpu->pio,
		      (unsigned long long)vcpu->mmio, __atomic_load_n(&vcpu->number, __ATOMIC_RELAXED),
		      pinned);
	}
}

/* What a machine with firmware leaves the guest for: its PM timer before all. */
static void print_ports(const struct printer *printer, const struct vmm *vmm)
{
	char text[PORTS_SHOWN * 32] = "";
	struct vmm_stats stats = {0};

	list_ports(&vmm->vcpus, &stats);
	for (unsigned i = 0; i < stats.port_count && i < PORTS_SHOWN; i++) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s0x%x %llu", used ? ", " : "",
			 stats.ports[i].port, (unsigned long long)stats.ports[i].count);
	}
	if (stats.port_count)
		print(printer, "exits for I/O ports, the most used first: %s", text);
}

void vmm_report(struct vmm *vmm, void (*fn)(void *opaque, const char *line), void *opaque)
{
	const struct printer printer = {fn, opaque};
	struct interrupts table;

	interrupts_read(vmm->interrupts, &table);
	print(&printer, "guest memory mapped for the devices: %llu MiB; memory slots of KVM: %u",
	      (unsigned long long)(lend_space_mapped(vmm->space) >> 20), vmm->slots.used);
	print_processors(&printer, vmm);
	print_ports(&printer, vmm);
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		print_device(&printer, at, &table);
	interrupts_free(&table);
}
