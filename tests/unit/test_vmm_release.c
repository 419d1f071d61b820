/* SPDX-License-Identifier: MIT */
/*
 * The host wants a device back while the machine's loop has things of its
 * function: the real host operations, loop and giving back, over the library on
 * a fake device. KVM and the vCPUs are doubles.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/no_posts.h"
#include "vmm/kvm.h"
#include "vmm/machine.h"

static unsigned resumed;

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm, (void)slot, (void)flags, (void)at, (void)size, (void)va;
	return 0;
}

int hv_set_routes(int vm, const struct kvm_irq_routing *routing)
{
	(void)vm, (void)routing;
	return 0;
}

int hv_irqfd(int vm, unsigned gsi, int eventfd, uint32_t flags)
{
	(void)vm, (void)gsi, (void)eventfd, (void)flags;
	return 0;
}

int hv_irqfd_resample(int vm, unsigned gsi, int eventfd, int resamplefd)
{
	(void)vm, (void)gsi, (void)eventfd, (void)resamplefd;
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
	(void)vcpus, (void)order;
}

void vcpus_wait_parked(struct vcpus *vcpus)
{
	(void)vcpus;
}

void vmm_resume(struct vmm *vmm)
{
	(void)vmm;
	resumed++;
}

void vmm_wake(struct vmm *vmm)
{
	(void)vmm;
}

void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	(void)vmm, (void)request, (void)text;
}

void vmm_work(struct vmm *vmm, const char *what)
{
	(void)vmm, (void)what;
}

void vmm_tell(struct vmm *vmm, enum vmm_event_type type, unsigned device, uint32_t value, const char *text)
{
	(void)vmm, (void)type, (void)device, (void)value, (void)text;
}

bool vmm_may_log(struct vmm *vmm)
{
	(void)vmm;
	return true;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	(void)vmm, (void)level, (void)format;
}

struct machine {
	struct vmm vmm;
	struct assigned *assigned;
	struct world *world;
};

/* A drive whose line goes through the loop, with the guest's BAR placed. */
static void build(struct machine *machine)
{
	struct vmm *vmm = &machine->vmm;
	const struct vmm_device_config asked = {.fd = -1};
	struct assigned *assigned;
	struct world *world = machine->world = world_new();
	struct lend_function_config config = {
		.size = sizeof(config), .no_intx_bypass = true, .intx_timeout_ms = 1100, .p2p = LEND_P2P_ON};
	struct domain_user user = {.make = fake_domain_make, .arg = world, .fd = -1, .name = "fake"};
	struct device_source source = {.bdf = {0, 5, 0, 0},
				       .group = -1,
				       .numa_node = -1,
				       .reset_methods = "flr bus",
				       .ops = &fake_transport,
				       .transport = world};
	struct lend_context_config quiet = {.size = sizeof(quiet), .quirks_dir = ""};
	struct lend_reset_report report;

	world_nvme(world);
	world->vectors[LEND_IRQ_INTX] = world->vectors[LEND_IRQ_REQ] = 1;
	world->regions[LEND_REGION_CONFIG] =
		(struct lend_region){.size = world->config_size, .readable = true, .writable = true};
	vmm->vfio = -1;
	assert_int_equal(loop_init(&vmm->loop), 0);
	bus_init(&vmm->memory_bus);
	bus_init(&vmm->port_bus);
	subpages_init(&vmm->subpages);
	slots_init(&vmm->slots, -1, 64);
	lines_init(&vmm->lines, -1);
	assert_int_equal(routes_init(&vmm->routes, -1, 64, false), 0);
	assert_int_equal(plugs_init(vmm), 0);
	pthread_mutex_init(&vmm->places, NULL);
	assert_int_equal(lend_context_new(&quiet, &world->context), 0);
	assert_int_equal(lend_space_new(world->context, &assign_ops, vmm, &world->space), 0);
	assert_int_equal(space_attach(world->space, &user, &world->error), 0);
	assert_int_equal(assigned_new(vmm, 0, &asked, &vmm->assigned[0]), 0);
	vmm->assigned_count = 1;
	assigned = machine->assigned = config.peer = vmm->assigned[0];
	assert_int_equal(device_open_with(world->space, &source, &assigned->device, &world->error), 0);
	assert_int_equal(lend_function_new(assigned->device, &config, &assigned->function, &world->error), 0);
	assert_int_equal(lend_context_reset(world->context, &assigned->function, 1, &report, sizeof(report)),
			 0);
	lend_function_config_write(assigned->function, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	lend_function_config_write(assigned->function, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void take_down(struct machine *machine)
{
	plugs_free(&machine->vmm);
	devices_close(&machine->vmm);
	lend_space_free(machine->world->space);
	lend_context_free(machine->world->context);
	loop_free(&machine->vmm.loop);
	routes_free(&machine->vmm.routes);
	world_free(machine->world);
}

static void tell(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

/* The loop has the timer that gives a BAR's direct areas back; the function goes before its time. */
static void given_back_while_the_timer_runs(void **state)
{
	static struct machine machine;
	struct itimerspec left;

	(void)state;
	build(&machine);
	assert_true(world_raise(machine.world));
	assert_int_equal(loop_once(&machine.vmm.loop), 0);
	assert_int_equal(timerfd_gettime(machine.assigned->timer, &left), 0);
	assert_true(left.it_value.tv_sec || left.it_value.tv_nsec);
	tell(machine.world->notify_fd[1]);
	assert_int_equal(loop_once(&machine.vmm.loop), 0);
	devices_release(&machine.vmm);
	assert_int_equal(resumed, 1);
	assert_null(machine.vmm.assigned[0]);
	assert_null(machine.assigned->function);
	assert_int_equal(timerfd_gettime(machine.assigned->timer, &left), 0);
	assert_true(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	take_down(&machine);
}

static uint64_t nothing(void *opaque, uint64_t offset, unsigned length)
{
	(void)opaque, (void)offset, (void)length;
	return 0;
}

static void dropped(void *opaque, uint64_t offset, unsigned length, uint64_t value)
{
	(void)opaque, (void)offset, (void)length, (void)value;
}

/* A BAR waits for a place that somebody else has; when it comes up there, other devices reach it, too. */
static void a_bar_that_waited_gets_its_peers(void **state)
{
	static const struct bus_ops others = {.read = nothing, .write = dropped};
	static struct machine machine;
	const struct bus_range taken = {
		.start = 0xe1000000, .length = 0x1000, .ops = &others, .opaque = &machine};
	unsigned maps;

	(void)state;
	build(&machine);
	pthread_mutex_init(&machine.vmm.places, NULL);
	maps = machine.world->map_count;
	assert_true(maps > 0);
	assert_int_equal(bus_add(&machine.vmm.memory_bus, &taken), 0);
	lend_function_config_write(machine.assigned->function, PCI_BASE_ADDRESS_0, 4, 0xe1000000);
	assert_int_equal(machine.world->map_count, 0);
	devices_shown(&machine.vmm);
	assert_int_equal(machine.world->map_count, 0);
	bus_remove(&machine.vmm.memory_bus, &machine, 0);
	bars_retry(&machine.vmm);
	assert_int_equal(machine.world->map_count, 0);
	devices_shown(&machine.vmm);
	assert_int_equal(machine.world->map_count, maps);
	for (unsigned i = 0; i < maps; i++)
		assert_int_equal(machine.world->maps[i].iova >> 24, 0xe1);
	take_down(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_back_while_the_timer_runs),
		cmocka_unit_test(a_bar_that_waited_gets_its_peers),
	};

	return cmocka_run_group_tests_name("vmm_release", tests, NULL, NULL);
}
