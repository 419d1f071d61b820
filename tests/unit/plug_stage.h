/* SPDX-License-Identifier: MIT */
/*
 * For one test program each: a machine with two empty ports, whose devices come and go: the real
 * library on the fake device of a world, the machine's own host operations, loop, topology and
 * hotplug chip. KVM and the vCPUs are doubles that count. The linker wraps lend_device_open_with()
 * (Makefile), which opens the world's device here.
 */
#ifndef TESTS_UNIT_PLUG_STAGE_H
#define TESTS_UNIT_PLUG_STAGE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/no_posts.h"
#include "tests/unit/open_files.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

enum { PORT_A = 1, PORT_B = 2, BAR_AT = 0x4, ROOM_HIGH = 16 << 20 };

static struct {
	struct vmm vmm;
	struct world *world;
	unsigned slots, irqfds; /* of KVM, now; slots without those of config space */
	struct {
		uint64_t at, size;
		const uint8_t *va;
	} pages[64];             /* slots of config space, by their numbers */
	unsigned calls, fail_at; /* calls of KVM that can fail; the one that does, from 1; 0: none */
	unsigned line_gsi;       /* of the last line that went to KVM; 0: none */
	unsigned pauses, resumes, messages; /* the last: of root ports */
	enum request request;
	char events[512]; /* their types and devices: "plugged 0, ready 0, " */
	char text[512];   /* of the last one */
	char log[512];
	unsigned opens, open_error;
	uint64_t window;  /* of a port; 0: ROOM_HIGH */
	unsigned open_ms; /* how long each takes */
	int wakes;        /* an eventfd: how often the loop was asked to look */
	unsigned files;   /* that are open without a device */
} stage;

static int turn(void)
{
	return ++stage.calls == stage.fail_at ? -ENOMEM : 0;
}

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm;
	if (size && turn())
		return -ENOMEM;
	assert_true(slot < 64);
	if (flags == KVM_MEM_READONLY || stage.pages[slot].size) {
		stage.pages[slot].at = at;
		stage.pages[slot].size = size;
		stage.pages[slot].va = va;
		return 0;
	}
	stage.slots += size ? 1u : ~0u;
	return 0;
}

int hv_set_routes(int vm, const struct kvm_irq_routing *routing)
{
	(void)vm, (void)routing;
	return turn();
}

int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags)
{
	(void)vm, (void)gsi, (void)eventfd;
	if (!(flags & KVM_IRQFD_FLAG_DEASSIGN) && turn())
		return -ENOMEM;
	stage.irqfds += flags & KVM_IRQFD_FLAG_DEASSIGN ? ~0u : 1u;
	return 0;
}

int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd)
{
	(void)vm, (void)eventfd, (void)resamplefd;
	if (turn())
		return -ENOMEM;
	stage.line_gsi = gsi;
	stage.irqfds++;
	return 0;
}

int hv_irq_line(int vm, unsigned gsi, int level)
{
	(void)vm, (void)gsi, (void)level;
	return 0;
}

int hv_signal_msi(int vm, uint64_t address, uint32_t data)
{
	(void)vm, (void)address, (void)data;
	stage.messages++;
	return 0;
}

int hv_ioeventfd(int vm, uint64_t address, unsigned length, uint64_t data, int eventfd, uint32_t flags)
{
	(void)vm, (void)address, (void)length, (void)data, (void)eventfd, (void)flags;
	return 0;
}

int hv_vfio_file(int vfio, int fd, int add)
{
	(void)vfio, (void)fd, (void)add;
	return 0;
}

void vcpus_order(struct vcpus *vcpus, enum vcpus_order order)
{
	(void)vcpus;
	stage.pauses += order == VCPUS_PAUSE;
}

void vcpus_wait_parked(struct vcpus *vcpus)
{
	(void)vcpus;
}

void vmm_resume(struct vmm *vmm)
{
	(void)vmm;
	stage.resumes++;
}

void vmm_wake(struct vmm *vmm)
{
	(void)vmm;
	eventfd_write(stage.wakes, 1);
}

void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	(void)vmm, (void)text;
	stage.request = request;
}

bool vmm_may_log(struct vmm *vmm)
{
	(void)vmm;
	return true;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	va_list args;

	(void)vmm, (void)level;
	va_start(args, format);
	vsnprintf(stage.log, sizeof(stage.log), format, args);
	va_end(args);
}

void vmm_tell(struct vmm *vmm, enum vmm_event_type type, unsigned device, uint32_t value, const char *text)
{
	static const char *const names[VMM_EVENT_TYPES] = {
		[VMM_EVENT_PLUGGED] = "plugged",       [VMM_EVENT_PLUG_FAILED] = "failed",
		[VMM_EVENT_READY] = "ready",           [VMM_EVENT_PLUG_TIMEOUT] = "timeout",
		[VMM_EVENT_DELETED] = "deleted",       [VMM_EVENT_UNPLUG_REFUSED] = "refused",
		[VMM_EVENT_ASKED_BACK] = "asked back", [VMM_EVENT_DEVICE_ERROR] = "error",
	};
	size_t used = strlen(stage.events);

	(void)vmm, (void)value;
	snprintf(stage.events + used, sizeof(stage.events) - used, "%s %u, ", names[type], device);
	snprintf(stage.text, sizeof(stage.text), "%s", text ? text : "");
}

/* The events since the last look are exactly these. */
static void expect_events(const char *events)
{
	assert_string_equal(stage.events, events);
	stage.events[0] = '\0';
}

int __wrap_lend_device_open_with(struct lend_space *space, const struct lend_device_config *config,
				 struct lend_device **out, struct lend_error *error);

int __wrap_lend_device_open_with(struct lend_space *space, const struct lend_device_config *config,
				 struct lend_device **out, struct lend_error *error)
{
	struct device_source source = {.bdf = {0, 5, 0, 0},
				       .group = -1,
				       .numa_node = -1,
				       .reset_methods = "flr bus",
				       .ops = &fake_transport,
				       .transport = stage.world};

	(void)config;
	usleep(stage.open_ms * 1000);
	stage.opens++;
	return device_open_with(space, &source, out, error);
}

/* A machine with two ports, as it is when the guest starts. */
static void start_machine(void)
{
	struct lend_context_config quiet = {.size = sizeof(quiet), .quirks_dir = ""};
	const struct layout layout = {.low_start = 0xe0000000,
				      .low_end = 0xf0000000,
				      .high_start = 0x100000000,
				      .high_end = 0x200000000,
				      .buses = 3};
	struct world *world = stage.world = world_new();
	struct domain_user user = {.make = fake_domain_make, .arg = world, .fd = -1, .name = "fake"};
	struct vmm *vmm = &stage.vmm;

	stage.wakes = eventfd(0, EFD_NONBLOCK);
	assert_true(stage.wakes >= 0);
	world_nvme(world);
	world->mute = true;
	world->vectors[LEND_IRQ_REQ] = world->vectors[LEND_IRQ_ERR] = 1;
	world->regions[LEND_REGION_CONFIG] =
		(struct lend_region){.size = world->config_size, .readable = true, .writable = true};
	vmm->vfio = vmm->vm = -1;
	vmm->config.ports = 2;
	vmm->config.port_window = stage.window ? stage.window : ROOM_HIGH;
	vmm->config.iommu_fd = -1;
	pthread_mutex_init(&vmm->places, NULL);
	assert_int_equal(loop_init(&vmm->loop), 0);
	bus_init(&vmm->memory_bus);
	bus_init(&vmm->port_bus);
	subpages_init(&vmm->subpages);
	slots_init(&vmm->slots, -1, 64);
	lines_init(&vmm->lines, -1);
	assert_int_equal(routes_init(&vmm->routes, -1, 64, false), 0);
	assert_int_equal(plugs_init(vmm), 0);
	assert_int_equal(lend_context_new(&quiet, &world->context), 0);
	vmm->context = world->context;
	assert_int_equal(lend_space_new(world->context, &assign_ops, vmm, &world->space), 0);
	vmm->space = world->space;
	assert_int_equal(space_attach(world->space, &user, &world->error), 0);
	assert_int_equal(topology_place(&vmm->topology, NULL, 0), 0);
	assert_int_equal(topology_add_ports(&vmm->topology, 2, vmm->config.port_window), 0);
	assert_int_equal(topology_assign(&vmm->topology, &layout, &world->error), 0);
	vmm->layout.hotplug = topology_ports(&vmm->topology, false);
	assert_int_equal(ports_init(vmm, &world->error), 0);
	vmm->layout.buses = layout.buses;
	assert_int_equal(ecam_init(vmm, &world->error), 0);
	stage.files = open_fds();
}

static void end_machine(void)
{
	plugs_free(&stage.vmm);
	devices_close(&stage.vmm);
	ports_free(&stage.vmm);
	ecam_free(&stage.vmm);
	lend_space_free(stage.world->space);
	lend_context_free(stage.world->context);
	loop_free(&stage.vmm.loop);
	routes_free(&stage.vmm.routes);
	world_free(stage.world);
	close(stage.wakes);
}

static int set_up(void **state)
{
	(void)state;
	memset(&stage, 0, sizeof(stage));
	start_machine();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	end_machine();
	return 0;
}

/* No device is there, and nothing of one. */
static void expect_nothing_left(void)
{
	const struct vmm *vmm = &stage.vmm;

	for (unsigned i = 0; i < VMM_DEVICES_MAX; i++)
		assert_null(vmm->assigned[i]);
	assert_null(vmm->plugs.list);
	assert_int_equal(topology_ports(&vmm->topology, true), 0);
	assert_int_equal(vmm->memory_bus.count, 0);
	assert_int_equal(stage.slots, 0);
	assert_int_equal(stage.irqfds, 0);
	assert_int_equal(stage.world->map_count, 0);
	assert_int_equal(vmm->slots.used, vmm->ecam.run_count);
	assert_int_equal(open_fds(), stage.files);
}

static int add(unsigned device)
{
	const struct vmm_device_config config = {.host = "0000:05:00.0", .fd = -1};
	struct lend_error error = {""};
	int ret = vmm_device_add(&stage.vmm, device, &config, &error);

	snprintf(stage.text, sizeof(stage.text), "%s", error.text);
	return ret;
}

static inline int take_away(unsigned device, bool force)
{
	struct lend_error error = {""};
	int ret = vmm_device_remove(&stage.vmm, device, force, &error);

	snprintf(stage.text, sizeof(stage.text), "%s", error.text);
	return ret;
}

/*
 * The guest's accesses to config space below a port, and to the chip. What is in a memory slot is read
 * there.
 */
static inline uint32_t guest_read(unsigned port, unsigned offset, unsigned length)
{
	uint64_t at = (uint64_t)port << 20 | offset;
	uint32_t value = 0;

	for (unsigned i = 0; i < 64; i++) {
		uint64_t inside = ADDR_ECAM + at - stage.pages[i].at;

		if (inside >= stage.pages[i].size)
			continue;
		memcpy(&value, stage.pages[i].va + inside, length);
		return value;
	}
	return (uint32_t)ecam_ops.read(&stage.vmm.topology, at, length);
}

static void guest_write(unsigned port, unsigned offset, unsigned length, uint32_t value)
{
	ecam_ops.write(&stage.vmm.topology, (uint64_t)port << 20 | offset, length, value);
}

static inline uint32_t chip(unsigned offset)
{
	return (uint32_t)hotplug_ops.read(&stage.vmm.hotplug, offset, 4);
}

static void chip_write(unsigned offset, uint32_t value)
{
	hotplug_ops.write(&stage.vmm.hotplug, offset, 4, value);
}

/* A guest's driver: it takes the event, places the BAR, and uses two vectors. */
static void use(unsigned port)
{
	chip_write(HOTPLUG_CHANGED, 1u << port);
	guest_write(port, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	guest_write(port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	for (unsigned i = 0; i < 2; i++) {
		struct lend_function *function = stage.vmm.topology.slots[port].functions[0];

		lend_function_bar_write(function, 0, 0x2000 + 16 * i, 8, 0xfee00000);
		lend_function_bar_write(function, 0, 0x2000 + 16 * i + 8, 8, i);
	}
	guest_write(port, 0x52, 2, PCI_MSIX_FLAGS_ENABLE);
}

/* A device comes, and its driver turns it on. */
static inline void plug_and_use(void)
{
	assert_int_equal(add(0), 0);
	plugs_serve(&stage.vmm);
	expect_events("plugged 0, ");
	use(PORT_A);
	plugs_serve(&stage.vmm);
	expect_events("ready 0, ");
}

#endif
