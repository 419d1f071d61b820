/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: doubles of KVM that record what they are told
 * (slots, routes, irqfds, lines), and a machine with one device on them.
 */
#ifndef TESTS_UNIT_VMM_DOUBLES_H
#define TESTS_UNIT_VMM_DOUBLES_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

struct kvm_zone {
	uint64_t at, length;
};

static struct {
	int ring_page, zone_error;
	unsigned kept_ports;
	struct kvm_zone zone; /* of memory whose writes are kept */
	unsigned zones;       /* changes of it */
	struct {
		uint64_t gpa, size;
		uint32_t flags;
	} slots[64];
	unsigned slot_count; /* mapped now */
	int slot_error;      /* of the next map */
	int removal_error;   /* of each unmap, after so many that work */
	unsigned removals_before_error;
	unsigned tables;   /* routing updates */
	unsigned entries;  /* of the last one */
	uint32_t data[64]; /* of message entries, by order */
	int table_error;
	int irqfd_gsi; /* of the last attach; -1 after a detach */
	int levels[8];
	uint64_t event_address, event_data; /* of the last ioeventfd */
	unsigned event_lengths;             /* a set of those that are on: bit n, n bytes */
	unsigned event_refused;             /* this length is refused; 0: none */
	uint32_t event_flags;
	unsigned level_changes;
	int files,
		file;   /* that its VFIO device has; the last one, with the device's descriptor in hundreds */
	char order[64]; /* S set, s cleared, R routes, I attach, i detach */
} kvm;

static void note(char what)
{
	size_t length = strlen(kvm.order);

	if (length + 1 < sizeof(kvm.order))
		kvm.order[length] = what;
}

int hv_check(int fd, unsigned capability)
{
	(void)fd;
	return capability == KVM_CAP_COALESCED_MMIO ? kvm.ring_page : capability == KVM_CAP_COALESCED_PIO;
}

int hv_coalesce(int vm, uint64_t at, uint32_t length, uint32_t port, int kept)
{
	(void)vm;
	if (port)
		kvm.kept_ports++;
	else if (!kvm.zone_error)
		kvm.zone = (struct kvm_zone){kept ? at : 0, kept ? length : 0};
	kvm.zones += !port && !kvm.zone_error;
	return port ? 0 : kvm.zone_error;
}

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm;
	(void)va;
	if (size && kvm.slot_error)
		return kvm.slot_error;
	if (!size && kvm.removal_error && !kvm.removals_before_error--) {
		kvm.removals_before_error = 0;
		return kvm.removal_error;
	}
	assert_true(slot < 64);
	/* As KVM: a number that is in use cannot be made again, nor two slots overlap. */
	if (size && kvm.slots[slot].size)
		return -EINVAL;
	for (unsigned i = 0; size && i < 64; i++)
		if (kvm.slots[i].size && kvm.slots[i].gpa < at + size &&
		    at < kvm.slots[i].gpa + kvm.slots[i].size)
			return -EEXIST;
	note(size ? 'S' : 's');
	kvm.slot_count += size ? 1 : 0;
	kvm.slot_count -= size ? 0 : 1;
	kvm.slots[slot].gpa = at;
	kvm.slots[slot].size = size;
	kvm.slots[slot].flags = flags;
	return 0;
}

int hv_set_routes(int vm, const struct kvm_irq_routing *routing)
{
	(void)vm;
	if (kvm.table_error)
		return kvm.table_error;
	note('R');
	kvm.tables++;
	kvm.entries = routing->nr;
	for (unsigned i = 0; i < ROUTES_PINS; i++)
		assert_int_equal(routing->entries[i].u.irqchip.irqchip, KVM_IRQCHIP_IOAPIC);
	for (unsigned i = ROUTES_PINS; i < routing->nr; i++)
		kvm.data[i - ROUTES_PINS] = routing->entries[i].u.msi.data;
	return 0;
}

int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags)
{
	(void)vm;
	(void)eventfd;
	note(flags & KVM_IRQFD_FLAG_DEASSIGN ? 'i' : 'I');
	kvm.irqfd_gsi = flags & KVM_IRQFD_FLAG_DEASSIGN ? -1 : (int)gsi;
	return 0;
}

int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd)
{
	(void)vm;
	(void)eventfd;
	(void)resamplefd;
	kvm.irqfd_gsi = (int)gsi;
	return 0;
}

int hv_irq_line(int vm, unsigned gsi, int level)
{
	(void)vm;
	if (gsi >= 16 && gsi < 24) /* else: the message of a route */
		kvm.levels[gsi - 16] = level;
	kvm.level_changes++;
	return 0;
}

int hv_ioeventfd(int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags)
{
	(void)vm, (void)eventfd;
	if (length == kvm.event_refused && length)
		return -ENOSPC;
	if (flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		kvm.event_lengths &= ~(1u << length);
	else
		kvm.event_lengths |= 1u << length;
	kvm.event_address = address;
	kvm.event_data = data;
	kvm.event_flags = flags;
	return 0;
}

int hv_vfio_file(int vfio, int fd, int add)
{
	kvm.files += add ? 1 : -1;
	kvm.file = vfio * 100 + fd;
	return 0;
}

/* What the library says of the device's BARs. */
static struct lend_bar_part postable;

bool lend_function_postable(const struct lend_function *function, struct lend_bar_part *out, size_t size)
{
	(void)function;
	assert_int_equal(size, sizeof(*out));
	*out = postable;
	return postable.length;
}

static struct {
	enum request request;
	char text[256];
	unsigned wakes, errors, logs;
	bool said_enough; /* no line may come any more */
	enum lend_event error; /* the last one */
} asked;

bool vmm_may_log(struct vmm *of)
{
	(void)of;
	return !asked.said_enough;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	(void)vmm, (void)level, (void)format;
	asked.logs++;
}

void errors_note(struct assigned *assigned, enum lend_event kind, const char *text)
{
	(void)assigned, (void)text;
	asked.errors++;
	asked.error = kind;
}

void vmm_request(struct vmm *of, enum request request, const char *text)
{
	(void)of;
	asked.request = request;
	snprintf(asked.text, sizeof(asked.text), "%s", text);
}

void vmm_wake(struct vmm *of)
{
	(void)of;
	asked.wakes++;
}

const struct lend_device_info *lend_device_info(const struct lend_device *device)
{
	static const struct lend_device_info info = {.name = "0000:01:00.0"};

	(void)device;
	return &info;
}

uint64_t lend_function_bar_read(struct lend_function *function, unsigned bar, uint64_t offset,
				unsigned length)
{
	(void)function;
	(void)length;
	return bar * 0x10000 + offset;
}

void lend_function_bar_write(struct lend_function *function, unsigned bar, uint64_t offset, unsigned length,
			     uint64_t value)
{
	(void)function;
	(void)bar;
	(void)offset;
	(void)length;
	(void)value;
}

uint64_t lend_function_vga_read(struct lend_function *function, uint32_t address, unsigned length)
{
	(void)function;
	(void)length;
	return address;
}

void lend_function_vga_write(struct lend_function *function, uint32_t address, unsigned length,
			     uint64_t value)
{
	(void)function;
	(void)address;
	(void)length;
	(void)value;
}

static struct vmm vmm;
static struct assigned *device;

/* As the machine makes each of its devices. */
static struct assigned *add_device(unsigned index)
{
	const struct vmm_device_config config = {.fd = -1};

	assert_int_equal(assigned_new(&vmm, index, &config, &vmm.assigned[index]), 0);
	strcpy(vmm.assigned[index]->name, "0000:01:00.0");
	vmm.assigned_count = index + 1;
	return vmm.assigned[index];
}

static int set_up(void **state)
{
	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	memset(&vmm, 0, sizeof(vmm));
	bus_init(&vmm.memory_bus);
	bus_init(&vmm.port_bus);
	subpages_init(&vmm.subpages);
	memset(&asked, 0, sizeof(asked));
	memset(&postable, 0, sizeof(postable));
	slots_init(&vmm.slots, -1, 64);
	vmm.memory = (struct memory){.piece_count = 1, .pieces = {{.length = GIB(1)}}};
	loop_init(&vmm.loop);
	pthread_mutex_init(&vmm.places, NULL);
	add_device(0);
	device = vmm.assigned[0];
	lines_init(&vmm.lines, -1);
	return routes_init(&vmm.routes, -1, 64, false);
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned i = 0; i < vmm.assigned_count; i++)
		assigned_free(vmm.assigned[i]);
	loop_free(&vmm.loop);
	routes_free(&vmm.routes);
	return 0;
}

#endif
