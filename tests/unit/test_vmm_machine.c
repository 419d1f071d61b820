/* SPDX-License-Identifier: MIT */
/*
 * The machine's devices from open to close, and its end, with doubles of
 * liblend that record what is asked of them, and a KVM that says nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"

#undef fail /* of cmocka: the machine has one of its own */
#include "vmm/build.c"

struct lend_device {
	unsigned index;
	struct lend_device_info info;
};

struct lend_function {
	unsigned index;
	bool multifunction;
};

static struct lend_device devices[3];
static struct lend_function functions[3];
static struct vmm vmm;

static struct {
	char order[64]; /* o open, q quiesce, f free, c close; with the device's number */
	pthread_mutex_t lock;
	unsigned opening;  /* calls of open that run now */
	unsigned opens[3]; /* so far */
	unsigned busy[3];  /* how many of them fail */
	bool vf[3];
	unsigned request; /* made while a function is freed: 1 + which */
	struct lend_range ranges[4];
	size_t range_count;
	int map_error;
} play = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(char what, unsigned index)
{
	size_t length = strlen(play.order);

	snprintf(play.order + length, sizeof(play.order) - length, "%c%u ", what, index);
}

int lend_device_open_with(struct lend_space *space, const struct lend_device_config *config,
			  struct lend_device **out, struct lend_error *error)
{
	unsigned i = (unsigned)(config->address[0] - '0');
	bool busy, alone;

	(void)space;
	pthread_mutex_lock(&play.lock);
	busy = play.opens[i]++ < play.busy[i];
	alone = !play.opening++;
	pthread_mutex_unlock(&play.lock);
	if (play.opens[i] > 1)
		assert_true(alone); /* once more, and nobody else's open is in its way */
	*out = busy ? NULL : &devices[i];
	if (busy)
		snprintf(error->text, sizeof(error->text), "device %u is busy", i);
	pthread_mutex_lock(&play.lock);
	play.opening--;
	pthread_mutex_unlock(&play.lock);
	return busy ? -EAGAIN : 0;
}

void lend_device_close(struct lend_device *device)
{
	if (device)
		note('c', device->index);
}

const struct lend_device_info *lend_device_info(const struct lend_device *device)
{
	return &device->info;
}

int lend_host_find(struct lend_context *context, const char *address, struct lend_host_device *out,
		   size_t size, struct lend_error *error)
{
	(void)context, (void)size, (void)error;
	memset(out, 0, sizeof(*out));
	out->is_vf = play.vf[address[0] - '0'];
	return 0;
}

int lend_function_new(struct lend_device *device, const struct lend_function_config *config,
		      struct lend_function **out, struct lend_error *error)
{
	(void)error;
	*out = &functions[device->index];
	**out = (struct lend_function){.index = device->index, .multifunction = config->multifunction};
	return 0;
}

int lend_function_reconnect(struct lend_function *function, int fd, struct lend_error *error)
{
	(void)function, (void)fd, (void)error;
	return 0;
}

void lend_function_free(struct lend_function *function)
{
	if (!function)
		return;
	note('f', function->index);
	assert_int_equal(topology_slot(&vmm.topology, function), 0); /* no access finds it any more */
	if (play.request == 1 + function->index)
		vmm_stop(&vmm);
}

void lend_context_quiesce(struct lend_context *context, struct lend_function **set, size_t count)
{
	(void)context;
	for (size_t i = 0; i < count; i++)
		note('q', set[i]->index);
}

void lend_function_quiesce(struct lend_function *function)
{
	note('q', function->index);
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	(void)function;
	memset(out, 0, size);
	out->is_pcie = true;
}

void lend_function_bar(const struct lend_function *function, unsigned index, struct lend_bar *out,
		       size_t size)
{
	(void)function, (void)index;
	memset(out, 0, size);
}

size_t lend_space_windows(struct lend_space *space, struct lend_iova_window *out, size_t max)
{
	(void)space;
	if (max)
		out[0] = (struct lend_iova_window){0, UINT64_MAX};
	return 1;
}

int lend_space_map(struct lend_space *space, const struct lend_range *ranges, size_t count,
		   struct lend_error *error)
{
	(void)space, (void)error;
	play.range_count = count;
	for (size_t i = 0; i < count && i < 4; i++)
		play.ranges[i] = ranges[i];
	return play.map_error;
}

int lend_context_reset(struct lend_context *context, struct lend_function **set, size_t count,
		       struct lend_reset_report *reports, size_t stride)
{
	(void)context, (void)set, (void)count, (void)reports, (void)stride;
	return 0;
}

int hv_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t at, uint64_t size, const void *va)
{
	(void)vm, (void)slot, (void)flags, (void)at, (void)size, (void)va;
	return 0;
}

/* The rest is there, and says nothing. */
#define SILENT(type, name, ...)                                                                              \
	type name(__VA_ARGS__)                                                                               \
	{                                                                                                    \
		return 0;                                                                                    \
	}
#define VOID(name, ...)                                                                                      \
	void name(__VA_ARGS__)                                                                               \
	{                                                                                                    \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
SILENT(int, lend_check_limits, struct lend_context *context, const struct lend_check_needs *needs,
       struct lend_check **out, struct lend_error *error)
SILENT(const struct lend_check_row *, lend_check_at, const struct lend_check *check, size_t index)
VOID(lend_check_free, struct lend_check *check)
VOID(lend_check_sentence, const struct lend_check_row *row, struct lend_error *out)
VOID(lend_context_read_rules, struct lend_context *context)
VOID(lend_context_free, struct lend_context *context)
SILENT(int, lend_context_new, const struct lend_context_config *config, struct lend_context **out)
SILENT(size_t, lend_device_areas, const struct lend_device *device, unsigned index, struct lend_area *out,
       size_t max)
SILENT(int, lend_function_bar_fault, struct lend_function *function)
SILENT(uint64_t, lend_function_bar_read, struct lend_function *function, unsigned bar, uint64_t offset,
       unsigned length)
VOID(lend_function_bars_shown, struct lend_function *function)
VOID(lend_function_bar_write, struct lend_function *function, unsigned bar, uint64_t offset, unsigned length,
     uint64_t value)
SILENT(uint32_t, lend_function_config_read, struct lend_function *function, unsigned offset, unsigned length)
VOID(lend_function_config_write, struct lend_function *function, unsigned offset, unsigned length,
     uint32_t value)
SILENT(bool, lend_function_postable, const struct lend_function *function, struct lend_bar_part *out,
       size_t size)
VOID(lend_function_count, const struct lend_function *function, struct lend_function_counters *out,
     size_t size)
SILENT(size_t, lend_function_explain, const struct lend_function *function, struct lend_explain_row *rows,
       size_t max, size_t stride)
SILENT(bool, lend_function_gone, const struct lend_function *function)
VOID(lend_function_fail, struct lend_function *function)
VOID(lend_function_line_changed, struct lend_function *function)
SILENT(bool, lend_function_reports_errors, const struct lend_function *function, uint32_t *status)
SILENT(size_t, lend_function_pages, const struct lend_function *function, struct lend_page_count *out,
       size_t max, size_t stride)
SILENT(size_t, lend_function_vectors, struct lend_function *function, struct lend_vector_count *out,
       size_t max, size_t stride)
SILENT(uint64_t, lend_function_vga_read, struct lend_function *function, uint32_t address, unsigned length)
VOID(lend_function_vga_write, struct lend_function *function, uint32_t address, unsigned length,
     uint64_t value)
VOID(lend_space_keep, struct lend_space *space)
VOID(lend_space_free, struct lend_space *space)
SILENT(uint64_t, lend_space_mapped, struct lend_space *space)
SILENT(int, lend_space_new, struct lend_context *context, const struct lend_host_ops *ops, void *host,
       struct lend_space **out)
SILENT(int, hv_open, const char *path)
SILENT(int, hv_check, int fd, unsigned capability)
SILENT(int, hv_coalesce, int vm, uint64_t at, uint32_t length, uint32_t port, int kept)
SILENT(int, hv_vcpu_mmap_size, int kvm)
SILENT(int, hv_supported_cpuid, int kvm, struct kvm_cpuid2 *cpuid)
SILENT(int, hv_msr_list, int kvm, struct kvm_msr_list *list)
SILENT(int, hv_create_vm, int kvm)
SILENT(int, hv_set_tss, int vm, uint64_t address)
SILENT(int, hv_set_identity_map, int vm, uint64_t address)
SILENT(int, hv_create_irqchip, int vm)
SILENT(int, hv_create_pit, int vm)
SILENT(int, hv_get_pit, int vm, struct kvm_pit_state2 *state)
SILENT(int, hv_set_pit, int vm, const struct kvm_pit_state2 *state)
SILENT(int, hv_set_routes, int vm, const struct kvm_irq_routing *routing)
SILENT(int, hv_irqfd, int vm, unsigned gsi, int eventfd, uint32_t flags)
SILENT(int, hv_irqfd_resample, int vm, unsigned gsi, int eventfd, int resamplefd)
SILENT(int, hv_irq_line, int vm, unsigned gsi, int level)
SILENT(int, hv_signal_msi, int vm, uint64_t address, uint32_t data)
SILENT(int, hv_ioeventfd, int vm, uint64_t address, unsigned length, uint64_t data, int eventfd,
       uint32_t flags)
SILENT(int, hv_get_irqchip, int vm, struct kvm_irqchip *chip)
SILENT(int, hv_set_irqchip, int vm, struct kvm_irqchip *chip)
SILENT(int, hv_create_vfio, int vm)
SILENT(int, hv_vfio_file, int vfio, int fd, int add)
SILENT(int, hv_create_vcpu, int vm, unsigned id)
SILENT(int, hv_run, int vcpu)
SILENT(int, hv_set_cpuid, int vcpu, const struct kvm_cpuid2 *cpuid)
SILENT(int, hv_tsc_khz, int vcpu)
SILENT(int, hv_clock_paused, int vcpu)
SILENT(int, hv_get_regs, int vcpu, struct kvm_regs *regs)
SILENT(int, hv_set_regs, int vcpu, const struct kvm_regs *regs)
SILENT(int, hv_get_sregs, int vcpu, struct kvm_sregs *sregs)
SILENT(int, hv_set_sregs, int vcpu, const struct kvm_sregs *sregs)
SILENT(int, hv_get_msrs, int vcpu, struct kvm_msrs *msrs)
SILENT(int, hv_set_msrs, int vcpu, const struct kvm_msrs *msrs)
SILENT(int, hv_get_lapic, int vcpu, struct kvm_lapic_state *lapic)
SILENT(int, hv_set_lapic, int vcpu, const struct kvm_lapic_state *lapic)
SILENT(int, hv_get_fpu, int vcpu, struct kvm_fpu *fpu)
SILENT(int, hv_set_fpu, int vcpu, const struct kvm_fpu *fpu)
SILENT(int, hv_get_xcrs, int vcpu, struct kvm_xcrs *xcrs)
SILENT(int, hv_set_xcrs, int vcpu, const struct kvm_xcrs *xcrs)
SILENT(int, hv_get_events, int vcpu, struct kvm_vcpu_events *events)
SILENT(int, hv_set_events, int vcpu, const struct kvm_vcpu_events *events)
SILENT(int, hv_get_debug, int vcpu, struct kvm_debugregs *debug)
SILENT(int, hv_set_debug, int vcpu, const struct kvm_debugregs *debug)
SILENT(int, hv_get_mp_state, int vcpu, struct kvm_mp_state *state)
SILENT(int, hv_set_mp_state, int vcpu, const struct kvm_mp_state *state)

static struct vmm_device_config configs[3];

static int set_up(void **state)
{
	static const char *const names[] = {"0", "1", "2"};

	(void)state;
	memset(&vmm, 0, sizeof(vmm));
	memset(play.order, 0, sizeof(play.order));
	memset(play.opens, 0, sizeof(play.opens));
	memset(play.busy, 0, sizeof(play.busy));
	memset(play.vf, 0, sizeof(play.vf));
	play.request = 0;
	play.map_error = 0;
	pthread_mutex_init(&vmm.lock, NULL);
	pthread_mutex_init(&vmm.places, NULL);
	pthread_mutex_init(&vmm.vcpus.lock, NULL);
	pthread_cond_init(&vmm.vcpus.changed, NULL);
	vmm.vcpus.order = VCPUS_PAUSE;
	slots_init(&vmm.slots, -1, 64);
	assert_int_equal(loop_init(&vmm.loop), 0);
	assert_int_equal(plugs_init(&vmm), 0);
	vmm.request_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(loop_add(&vmm.loop, vmm.request_fd, EPOLLIN, on_request, &vmm), 0);
	vmm.cpuid = calloc(1, sizeof(*vmm.cpuid));
	vmm.config.devices = configs;
	vmm.config.memory = MIB(64);
	for (unsigned i = 0; i < 3; i++) {
		configs[i] = (struct vmm_device_config){.host = names[i], .fd = -1};
		devices[i] = (struct lend_device){.index = i};
		strcpy(devices[i].info.name, names[i]);
		devices[i].info.bdf = (struct lend_bdf){.bus = 1, .function = (uint8_t)i};
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	memset(&vmm.topology, 0, sizeof(vmm.topology));
	plugs_free(&vmm);
	devices_close(&vmm);
	loop_free(&vmm.loop);
	close(vmm.request_fd);
	free(vmm.cpuid);
	return 0;
}

static void open_all(unsigned count)
{
	struct lend_error error;

	vmm.config.device_count = count;
	assert_int_equal(devices_open(&vmm, &error), 0);
	assert_int_equal(devices_place(&vmm, &error), 0);
}

/* Their opens go on at once, and the kernel may find one's lock with another's. */
static void who_was_in_anothers_way_is_opened_once_more(void **state)
{
	struct lend_error error = {""};

	(void)state;
	play.busy[0] = play.busy[2] = 1;
	open_all(3);
	assert_int_equal(play.opens[0], 2);
	assert_int_equal(play.opens[1], 1);
	assert_int_equal(play.opens[2], 2);
	devices_quiesce(&vmm);
	memset(&vmm.topology, 0, sizeof(vmm.topology));
	devices_close(&vmm);
	memset(play.opens, 0, sizeof(play.opens));
	play.busy[1] = 100; /* somebody else has it: not for ever */
	assert_int_equal(devices_open(&vmm, &error), -EAGAIN);
	assert_string_equal(error.text, "device 1 is busy");
	assert_int_equal(play.opens[1], 2);
}

/* PCI Local Bus 3.0, 6.2.1, header type: bit 7 where there is another function in the slot. */
static void functions_of_a_slot_say_so(void **state)
{
	(void)state;
	devices[2].info.bdf.device = 7;
	open_all(3);
	assert_true(functions[0].multifunction);
	assert_true(functions[1].multifunction);
	assert_false(functions[2].multifunction);
}

static void a_virtual_function_is_alone(void **state)
{
	(void)state;
	play.vf[1] = true;
	open_all(2);
	assert_false(functions[0].multifunction);
	assert_false(functions[1].multifunction);
}

/* One that is closed may be written to by one that is not quiet yet. */
static void all_are_quiet_before_one_is_closed(void **state)
{
	const char *at;

	(void)state;
	open_all(3);
	memset(&vmm.topology, 0, sizeof(vmm.topology));
	memset(play.order, 0, sizeof(play.order));
	devices_close(&vmm);
	at = strpbrk(play.order, "fc");
	assert_non_null(at);
	assert_null(strchr(at, 'q'));
	for (const char *device = "q0q1q2"; *device; device += 2)
		assert_non_null(strstr(play.order, (char[]){device[0], device[1], 0}));
	at = strchr(play.order, 'c');
	assert_null(strchr(at, 'f'));
}

static void the_end_makes_all_quiet(void **state)
{
	struct lend_error error;

	(void)state;
	open_all(2);
	memset(play.order, 0, sizeof(play.order));
	vmm_stop(&vmm);
	assert_int_equal(vmm_run(&vmm, &error), VMM_END_STOPPED);
	assert_non_null(strstr(play.order, "q0"));
	assert_non_null(strstr(play.order, "q1"));
	assert_null(strchr(play.order, 'c'));
}

static void the_host_gets_back_what_it_wants(void **state)
{
	(void)state;
	open_all(3);
	vmm.assigned[1]->leaving = true;
	memset(play.order, 0, sizeof(play.order));
	devices_release(&vmm);
	assert_string_equal(play.order, "q1 f1 c1 "); /* it alone, and the function first */
	assert_null(vmm.assigned[1]);
	assert_int_equal(topology_slot(&vmm.topology, &functions[1]), 0);
	assert_int_not_equal(topology_slot(&vmm.topology, &functions[0]), 0);
	assert_int_equal(vmm.vcpus.order, VCPUS_RUN);
	devices_release(&vmm); /* once */
	plugs_serve(&vmm);
	assert_string_equal(play.order, "q1 f1 c1 ");
	assert_null(vmm.plugs.list);
}

/* What was asked meanwhile is done with the processors out of the guest. */
static void a_request_that_waits_keeps_the_guest_paused(void **state)
{
	(void)state;
	open_all(1);
	vmm.assigned[0]->leaving = true;
	play.request = 1 + 0;
	devices_release(&vmm);
	assert_int_equal(vmm.vcpus.order, VCPUS_PAUSE);
	assert_int_equal(vmm.request, REQUEST_STOP);
}

/* RAM that a device cannot reach is an error; a BAR would be shown to its peers at best. */
static void guest_memory_is_ram_for_the_devices(void **state)
{
	struct lend_error error = {""};

	(void)state;
	open_all(1);
	vmm.memory.base = (uint8_t *)&vmm;
	vmm.memory.fd = -1;
	assert_int_equal(show_memory(&vmm, &error), 0);
	assert_int_equal(play.range_count, vmm.layout.ram_count);
	assert_int_equal(play.ranges[0].kind, LEND_RANGE_RAM);
	assert_int_equal(play.ranges[0].iova, 0);
	assert_int_equal(play.ranges[0].length, MIB(64));
	play.map_error = -ENOMEM;
	assert_int_equal(show_memory(&vmm, &error), -ENOMEM);
	vmm.memory.base = NULL;
}

static char last_line[256];

static void take_line(void *opaque, enum lend_log_level level, const char *line)
{
	(void)opaque;
	snprintf(last_line, sizeof(last_line), "%d %s", level, line);
}

/* A guest that crashes again and again does so with a line each time; without reboots it is a fault. */
static void a_triple_fault_starts_the_machine_again(void **state)
{
	struct lend_error error = {""};

	(void)state;
	vmm.config.log = take_line;
	machine_vcpu_ops.shutdown(&vmm, 2);
	assert_int_equal(vmm.request, REQUEST_RESET);
	assert_int_equal(last_line[0] - '0', LEND_LOG_WARNING);
	assert_non_null(strstr(last_line, "processor 2 shut down (triple fault)"));
	vmm.request = REQUEST_NONE;
	vmm.config.no_reboot = true;
	machine_vcpu_ops.shutdown(&vmm, 0);
	assert_int_equal(vmm_run(&vmm, &error), VMM_END_FAULT);
	assert_non_null(strstr(error.text, "processor 0 shut down (triple fault)"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(who_was_in_anothers_way_is_opened_once_more),
		TEST(functions_of_a_slot_say_so),
		TEST(a_virtual_function_is_alone),
		TEST(all_are_quiet_before_one_is_closed),
		TEST(the_end_makes_all_quiet),
		TEST(the_host_gets_back_what_it_wants),
		TEST(a_request_that_waits_keeps_the_guest_paused),
		TEST(guest_memory_is_ram_for_the_devices),
		TEST(a_triple_fault_starts_the_machine_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
