/* SPDX-License-Identifier: MIT */
/* Opening and closing a fake world, and the guest's moves in it. */
#include <stdlib.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/context.h"
#include "lib/le.h"
#include "tests/unit/cmocka.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/open_files.h"

struct world *world_new(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->config_size = 4096;
	world->region_count = 9;
	world->irq_count = 5;
	world->can_reset = true;
	world->reset_methods = "flr bus";
	world->function_config.rom_mode = LEND_ROM_AUTO;
	world->function_config.shares_pages = true;
	world->function_config.maps_read_only = true;
	for (unsigned i = 0; i < WORLD_VECTORS; i++)
		world->irq_fds[i] = world->routes[i].attached = -1;
	world->no_bus = true;
	world->function_config.p2p = LEND_P2P_ON; /* its peers are seen without another function */
	world->notify_fd[0] = world->notify_fd[1] = -1;
	world->intx_fd = world->intx_unmask_fd = -1;
	world->line.attached = world->line.resample = -1;
	world_set(world, PCI_VENDOR_ID, 4, 0x11221b36);
	world_set(world, PCI_CLASS_REVISION, 4, 0x01080200);
	world_set(world, PCI_INTERRUPT_PIN, 1, 1);
	return world;
}

void world_free(struct world *world)
{
	free(world->lines);
	free(world);
}

void world_set(struct world *world, unsigned offset, unsigned length, uint32_t value)
{
	le_store(world->config + offset, length, value);
}

uint32_t world_get(const struct world *world, unsigned offset, unsigned length)
{
	return (uint32_t)le_load(world->config + offset, length);
}

/* The host's address in the register must never show. */
void world_bar(struct world *world, unsigned index, uint32_t type, uint64_t size)
{
	world->regions[index] = (struct lend_region){.size = size, .readable = true, .writable = true};
	world_set(world, PCI_BASE_ADDRESS_0 + 4 * index, 4, 0xabc00000u | type);
}

unsigned world_cap(struct world *world, unsigned offset, uint8_t id)
{
	unsigned at = PCI_CAPABILITY_LIST;

	while (world->config[at])
		at = world->config[at] + PCI_CAP_LIST_NEXT;
	world->config[at] = (uint8_t)offset;
	world->config[offset] = id;
	world->config[offset + PCI_CAP_LIST_NEXT] = 0;
	world_set(world, PCI_STATUS, 2, world_get(world, PCI_STATUS, 2) | PCI_STATUS_CAP_LIST);
	return offset;
}

void world_msix(struct world *world, unsigned vectors, unsigned bar, uint32_t table, unsigned pba_bar,
		uint32_t pba)
{
	unsigned cap = world_cap(world, 0x50, PCI_CAP_ID_MSIX);

	world_set(world, cap + PCI_MSIX_FLAGS, 2, vectors - 1);
	world_set(world, cap + PCI_MSIX_TABLE, 4, table | bar);
	world_set(world, cap + PCI_MSIX_PBA, 4, pba | pba_bar);
	world->vectors[LEND_IRQ_MSIX] = vectors;
}

void world_msi(struct world *world, uint32_t flags, unsigned vectors)
{
	world_set(world, world_cap(world, 0x60, PCI_CAP_ID_MSI) + PCI_MSI_FLAGS, 2, flags);
	world->vectors[LEND_IRQ_MSI] = vectors;
}

void world_exp(struct world *world, unsigned type, uint32_t devcap)
{
	unsigned cap = world_cap(world, 0x80, PCI_CAP_ID_EXP);

	world_set(world, cap + PCI_EXP_FLAGS, 2, 2 | type << 4);
	world_set(world, cap + PCI_EXP_DEVCAP, 4, devcap);
	world_set(world, cap + PCI_EXP_LNKCAP, 4, 0x43);
	world_set(world, cap + PCI_EXP_LNKSTA, 2, 0x43);
}

void world_nvme(struct world *world)
{
	world_bar(world, 0, PCI_BASE_ADDRESS_MEM_TYPE_64, 0x4000);
	world_set(world, world_cap(world, 0x40, PCI_CAP_ID_PM) + PCI_PM_PMC, 2, 3);
	world_msix(world, 64, 0, 0x2000, 0, 0x3000);
	world_exp(world, PCI_EXP_TYPE_ENDPOINT, PCI_EXP_DEVCAP_FLR);
	world_set(world, 0x100, 4, PCI_EXT_CAP_ID_ERR | 2 << 16 | 0x150u << 20);
	world_set(world, 0x150, 4, PCI_EXT_CAP_ID_DSN | 1 << 16);
}

void world_vga(struct world *world)
{
	world->regions[LEND_REGION_VGA] =
		(struct lend_region){.size = sizeof(world->vga), .readable = true, .writable = true};
	world_set(world, PCI_CLASS_REVISION, 4, 0x03000000);
	world->function_config.vga = true;
}

static void take_log(void *opaque, enum lend_log_level level, const char *line)
{
	struct world *world = opaque;

	if (level == LEND_LOG_DEBUG) {
		world->debug_lines++;
		return;
	}
	world->log_lines++;
	world->log_bytes += strlen(line) + 1;
	memcpy(world->last_log, line, strlen(line) + 1);
}

static int open_space(struct world *world)
{
	struct lend_context_config config = {.size = sizeof(config),
					     .log = take_log,
					     .opaque = world,
					     .quirks_dir = world->quirks_dir ? world->quirks_dir : ""};
	struct domain_user user = {.make = fake_domain_make, .arg = world, .fd = -1, .name = "fake"};

	assert_int_equal(lend_context_new(&config, &world->context), 0);
	assert_int_equal(lend_space_new(world->context, &fake_host, world, &world->space), 0);
	return space_attach(world->space, &user, &world->error);
}

static int open_device(struct world *world)
{
	struct device_source source = {
		.bdf = {0, 5, 0, 0},
		.group = 7,
		.numa_node = -1,
		.reset_methods = world->reset_methods,
		.raw = world->config,
		.raw_length = world->raw_known,
		.backend = world->iommufd ? LEND_BACKEND_IOMMUFD : LEND_BACKEND_LEGACY,
		.ops = &fake_transport,
		.transport = world,
	};

	if (world->filtered)
		fake_kernel_look(world);
	return device_open_with(world->space, &source, &world->device, &world->error);
}

int world_open(struct world *world)
{
	struct lend_function_config config = world->function_config;
	int ret;

	config.size = sizeof(config);
	config.peer = world;

	world->fds_before = open_fds();
	world->regions[LEND_REGION_CONFIG] =
		(struct lend_region){.size = world->config_size, .readable = true, .writable = true};
	ret = open_space(world);
	if (!ret)
		ret = open_device(world);
	if (!ret && world->before_function)
		world->before_function(world);
	if (!ret)
		ret = lend_function_new(world->device, &config, &world->function, &world->error);
	if (ret < 0)
		world_close(world);
	return ret;
}

static void check_left(struct world *world)
{
	for (unsigned i = 0; i < 7; i++)
		assert_false(world->bars[i].placed);
	for (unsigned i = 0; i < WORLD_VECTORS; i++) {
		assert_false(world->routes[i].set);
		assert_int_equal(world->routes[i].attached, -1);
	}
	assert_int_equal(world->watch_count, 0);
	assert_true(world->timer.nanoseconds == 0);
	assert_false(world->line.raised);
	assert_int_equal(world->line.attached, -1);
	assert_int_equal(world->notify_fd[0], -1);
	assert_int_equal(world->notify_fd[1], -1);
	assert_int_equal(world->map_count, 0);
	assert_false(world->vga_memory);
	assert_false(world->vga_ports);
	assert_int_equal(world->ioeventfd_count, 0);
	assert_int_equal(world->device_ioeventfds, 0);
	assert_false(world->bar_open);
	assert_false(world->msi_open);
	assert_int_equal(open_fds(), world->fds_before);
	if (world->violation[0])
		fail_msg("%s", world->violation);
}

void world_close(struct world *world)
{
	lend_function_free(world->function);
	world->function = NULL;
	lend_device_close(world->device);
	world->device = NULL;
	lend_space_free(world->space);
	world->space = NULL;
	if (world->context) /* whatever a function handed out, it has taken back by itself */
		assert_int_equal(context_boards(world->context)->left, 0);
	lend_context_free(world->context);
	world->context = NULL;
	check_left(world);
}

uint32_t world_read(struct world *world, unsigned offset, unsigned length)
{
	return lend_function_config_read(world->function, offset, length);
}

void world_write(struct world *world, unsigned offset, unsigned length, uint32_t value)
{
	lend_function_config_write(world->function, offset, length, value);
}

void world_vector(struct world *world, unsigned vector, uint64_t address, uint32_t data, bool masked)
{
	uint32_t table = world_get(world, 0x50 + PCI_MSIX_TABLE, 4);
	unsigned bar = table & PCI_MSIX_TABLE_BIR;
	uint64_t at = (table & PCI_MSIX_TABLE_OFFSET) + vector * 16;

	lend_function_bar_write(world->function, bar, at, 8, address);
	lend_function_bar_write(world->function, bar, at + 8, 4, data);
	lend_function_bar_write(world->function, bar, at + 12, 4, masked);
}

void world_start(struct world *world)
{
	world_write(world, PCI_BASE_ADDRESS_0, 4, 0xe0000000);
	world_write(world, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}
