/* SPDX-License-Identifier: MIT */
/* What a guest's processor says of itself: whose bits are the host's, and which are the machine's. */
#include "tests/unit/cmocka.h"
#include "vmm/x86/cpuid.h"

static struct kvm_cpuid_entry2 *leaf(struct cpuid *cpuid, unsigned function, unsigned index)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

static void each_processor_knows_its_place(void **state)
{
	const struct cpuid_config config = {.cpus = 6, .tsc_deadline = true, .tsc_khz = 2500000};

	(void)state;
	for (unsigned id = 0; id < 6; id++) {
		struct cpuid cpuid = {.nent = 7,
				      .entries = {{.function = 0, .eax = 0xd},
						  {.function = 1, .ecx = 1 << 5, .ebx = 0x12345678},
						  {.function = 4, .eax = 0x143, .index = 3},
						  {.function = 0x40000000, .eax = 0x40000001},
						  {.function = 0x80000001, .ecx = 1 << 2},
						  {.function = 0x80000008, .eax = 0x3030},
						  {.function = 0x8000000a, .eax = 1, .edx = 0xff}}};

		cpuid_fit(&cpuid, &config, id);
		assert_int_equal(leaf(&cpuid, 1, 0)->ebx >> 24, id);
		assert_int_equal(leaf(&cpuid, 1, 0)->ecx & 1 << 5, 0); /* no VMX */
		assert_true(leaf(&cpuid, 1, 0)->ecx & 1 << 24);
		assert_true(leaf(&cpuid, 1, 0)->ecx & 0x80000000u);
		assert_int_equal(leaf(&cpuid, 0xb, 0)->edx, id);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->eax, 3);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->ebx, 6);
		assert_int_equal(leaf(&cpuid, 0xb, 1)->ecx, 0x201);
		assert_int_equal(leaf(&cpuid, 0xb, 2)->ecx, 2);
		assert_null(leaf(&cpuid, 0x1f, 0));                             /* beyond what leaf 0 says */
		assert_int_equal(leaf(&cpuid, 0x80000001, 0)->ecx & 1 << 2, 0); /* no SVM */
		assert_int_equal(leaf(&cpuid, 0x8000000a, 0)->edx, 0);
		assert_int_equal(leaf(&cpuid, 0x80000008, 0)->ecx & 0xff, 5);
		assert_int_equal(leaf(&cpuid, 0x40000010, 0)->eax, 2500000);
		assert_int_equal(leaf(&cpuid, 0x40000000, 0)->eax, 0x40000010);
		assert_int_equal(cpuid_physical_bits(&cpuid), 48);
	}
}

/* What page tables of four levels do not reach is no place for a BAR. */
static void physical_bits_are_those_that_can_be_mapped(void **state)
{
	static const struct {
		uint32_t sizes, features;
		unsigned bits;
	} rows[] = {
		{52, 0, 48},                  /* an older kernel; four levels */
		{52, 1 << 16, 52},            /* five */
		{52 | 48 << 16, 1 << 16, 48}, /* KVM says it, whatever the processor has */
		{52 | 52 << 16, 0, 52},
		{39, 0, 39},
		{39 | 48 << 16, 0, 39},
		{0, 0, 36},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cpuid cpuid = {.nent = 2,
				      .entries = {{.function = 7, .ecx = rows[i].features},
						  {.function = 0x80000008, .eax = rows[i].sizes}}};

		assert_int_equal(cpuid_physical_bits(&cpuid), rows[i].bits);
	}
	assert_int_equal(cpuid_physical_bits(&(struct cpuid){0}), 36);
}

/* Firmware may put BARs at the end of the address space, so that is where devices reach. */
static void processors_reach_no_further_than_devices(void **state)
{
	enum { INTEL = 0x756e6547, AMD = 0x68747541 };
	static const struct {
		uint32_t maker, sizes;
		unsigned limit;
		uint32_t want;
	} rows[] = {
		{INTEL, 46, 39, 39},
		{INTEL, 46, 42, 42},
		{INTEL, 46, 40, 39}, /* firmware takes 40 for a mistake */
		{INTEL, 46, 38, 36},
		{INTEL, 46, 48, 46},
		{INTEL, 39, 39, 39},
		{INTEL, 46, 30, 46}, /* nothing is that short */
		{AMD, 48 | 48 << 16, 40, 40 | 40 << 16},
		{AMD, 48 | 0x3000, 40, 40 | 0x3000},
		{AMD, 48, 39, 48}, /* an AMD has 40 at the least */
		{0, 48, 40, 48},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cpuid cpuid = {.nent = 2,
				      .entries = {{.function = 0, .ebx = rows[i].maker},
						  {.function = 0x80000008, .eax = rows[i].sizes}}};

		cpuid_limit_bits(&cpuid, rows[i].limit);
		assert_int_equal(leaf(&cpuid, 0x80000008, 0)->eax, rows[i].want);
	}
}

/* What depends on the number of processors, on this one's, and on the clock. */
struct machine {
	struct cpuid_config config;
	unsigned id;
	uint32_t ebx, ecx, host_edx, edx;         /* leaf 1 */
	uint32_t l1, l2, l3;                      /* EAX of leaf 4 */
	uint32_t core[4];                         /* leaf 0xb, 1 */
	uint32_t hypervisor;                      /* EAX of 0x40000000 */
	uint32_t host_amd, amd, sizes, amd_cache; /* ECX of 0x80000001 and 8, EAX of 0x8000001d, 3 */
};

/* Registers of a leaf: as the host's kernel lists them, and as the guest is to read them. */
struct row {
	uint32_t function, index, host[4], guest[4]; /* EAX to EDX */
};

static void assert_leaf(struct cpuid *cpuid, const struct row *row)
{
	const struct kvm_cpuid_entry2 *found = leaf(cpuid, row->function, row->index);

	assert_non_null(found);
	assert_int_equal(found->eax, row->guest[0]);
	assert_int_equal(found->ebx, row->guest[1]);
	assert_int_equal(found->ecx, row->guest[2]);
	assert_int_equal(found->edx, row->guest[3]);
}

/* A processor of Intel and AMD at once; its own topology and sharers of caches are all ones, or nines. */
static void assert_leaves(const struct machine *m)
{
	const struct row rows[] = {
		{0, 0, {0xb, 1, 2, 3}, {0xb, 1, 2, 3}},
		{1, 0, {0xc0ffe, ~0u, 0x21, m->host_edx}, {0xc0ffe, m->ebx, m->ecx, m->edx}},
		{4, 0, {0xffffc121, 7, 8, 9}, {m->l1, 7, 8, 9}},
		{4, 2, {0xffffc143, 7, 8, 9}, {m->l2, 7, 8, 9}},
		{4, 3, {0xffffc163, 7, 8, 9}, {m->l3, 7, 8, 9}},
		{4, 4, {0xffffc160, 7, 8, 9}, {0xffffc160, 7, 8, 9}}, /* no cache: the end of the list */
		{0xb, 0, {9, 9, 9, 9}, {0, 1, 0x100, m->id}},
		{0xb, 1, {9, 9, 9, 9}, {m->core[0], m->core[1], m->core[2], m->core[3]}},
		{0xb, 2, {9, 9, 9, 9}, {0, 0, 2, m->id}},
		{0x15, 0, {1, 2, 3, 4}, {1, 2, 3, 4}},
		{0x40000000, 0, {0x40000001, 5, 6, 7}, {m->hypervisor, 5, 6, 7}},
		{0x80000001, 0, {1, 2, m->host_amd, 4}, {1, 2, m->amd, 4}},
		{0x80000008, 0, {0x3030, 2, ~0u, 4}, {0x3030, 2, m->sizes, 4}},
		{0x8000000a, 0, {1, 2, 3, 4}, {0, 0, 0, 0}}, /* SVM's own */
		{0x8000001d, 0, {0xffffc121, 7, 8, 9}, {0x121, 7, 8, 9}},
		{0x8000001d, 3, {0xffffc163, 7, 8, 9}, {m->amd_cache, 7, 8, 9}},
		{0x8000001d, 4, {0xffffc160, 7, 8, 9}, {0xffffc160, 7, 8, 9}},
		{0x8000001e, 0, {9, 9, 9, 9}, {m->id, m->id, 0, 0}},
	};
	const unsigned count = sizeof(rows) / sizeof(*rows);
	const struct row timing = {0x40000010, 0, {0}, {m->config.tsc_khz, 1000000, 0, 0}};
	struct cpuid cpuid = {.nent = count};

	for (unsigned i = 0; i < count; i++)
		cpuid.entries[i] = (struct kvm_cpuid_entry2){.function = rows[i].function,
							     .index = rows[i].index,
							     .eax = rows[i].host[0],
							     .ebx = rows[i].host[1],
							     .ecx = rows[i].host[2],
							     .edx = rows[i].host[3]};
	cpuid_fit(&cpuid, &m->config, m->id);
	for (unsigned i = 0; i < count; i++)
		assert_leaf(&cpuid, &rows[i]);
	if (m->config.tsc_khz)
		assert_leaf(&cpuid, &timing);
	else
		assert_null(leaf(&cpuid, 0x40000010, 0));
	assert_int_equal(cpuid.nent, count + (m->config.tsc_khz != 0));
}

static void each_register_is_the_hosts_or_the_machines(void **state)
{
	static const struct machine machines[] = {
		{{.cpus = 6, .tsc_deadline = true, .tsc_khz = 2500000},
		 5,
		 .ebx = 0x0508ffff,
		 .ecx = 0x81200001, /* a hypervisor, x2APIC, the deadline timer, no VMX */
		 .host_edx = 0xefffffff,
		 .edx = 0xffffffff,
		 .l1 = 0x1c000121,
		 .l2 = 0x1c000143,
		 .l3 = 0x1c01c163,
		 .core = {3, 6, 0x201, 5},
		 .hypervisor = 0x40000010,
		 .host_amd = 5,
		 .amd = 3,
		 .sizes = 0xffff3f05,
		 .amd_cache = 0x14163},
		{{.cpus = 1},
		 0,
		 .ebx = 0x0001ffff,
		 .ecx = 0x80200001,
		 .host_edx = 0xffffffff,
		 .edx = 0xefffffff,
		 .l1 = 0x121,
		 .l2 = 0x143,
		 .l3 = 0x163,
		 .core = {0, 1, 0x201, 0},
		 .hypervisor = 0x40000001,
		 .host_amd = 7,
		 .amd = 1,
		 .sizes = 0xffff0f00,
		 .amd_cache = 0x163},
		{{.cpus = 254, .tsc_khz = 1},
		 253,
		 .ebx = 0xfdffffff,
		 .ecx = 0x80200001,
		 .host_edx = 0,
		 .edx = 0x10000000,
		 .l1 = 0xfc000121,
		 .l2 = 0xfc000143,
		 .l3 = 0xfc3fc163,
		 .core = {8, 254, 0x201, 253},
		 .hypervisor = 0x40000010,
		 .host_amd = 5,
		 .amd = 3,
		 .sizes = 0xffff8ffd,
		 .amd_cache = 0x3f4163},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		assert_leaves(&machines[i]);
}

/* KVM may list a level of the topology less than a guest walks, and none that the processor has not. */
static void levels_of_the_topology_are_added(void **state)
{
	static const struct {
		uint32_t highest;
		bool first, second; /* leaf 0xb, and 0x1f */
	} rows[] = {{0xa, false, false}, {0xb, true, false}, {0x1e, true, false}, {0x1f, true, true}};
	const struct cpuid_config config = {.cpus = 2};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct cpuid cpuid = {.nent = 1, .entries = {{.function = 0, .eax = rows[i].highest}}};

		cpuid_fit(&cpuid, &config, 1);
		assert_int_equal(cpuid.nent, 1 + 3 * (rows[i].first + rows[i].second));
		for (unsigned at = 1; at < cpuid.nent; at++) {
			assert_int_equal(cpuid.entries[at].function, at < 4 ? 0xb : 0x1f);
			assert_int_equal(cpuid.entries[at].index, (at - 1) % 3);
			assert_int_equal(cpuid.entries[at].flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
			assert_int_equal(cpuid.entries[at].edx, 1);
		}
	}
}

/* A list that is full stays one: what is behind it is somebody else's. */
static void a_full_list_takes_no_more(void **state)
{
	const struct cpuid_config config = {.cpus = 2, .tsc_khz = 1000};
	struct {
		struct cpuid cpuid;
		struct kvm_cpuid_entry2 behind;
	} list = {.cpuid = {.entries = {{.function = 0, .eax = 0x1f}}}};

	(void)state;
	for (unsigned full = CPUID_ENTRIES - 1; full <= CPUID_ENTRIES; full++) {
		list.cpuid.nent = full;
		for (unsigned i = 1; i < full; i++)
			list.cpuid.entries[i] = (struct kvm_cpuid_entry2){.function = 0x15, .index = i};
		cpuid_fit(&list.cpuid, &config, 1);
		assert_int_equal(list.cpuid.nent, CPUID_ENTRIES);
		assert_null(leaf(&list.cpuid, 0x40000010, 0));
		assert_int_equal(list.behind.function + list.behind.eax + list.behind.ecx, 0);
	}
	cpuid_limit_bits(&list.cpuid, 42);
	assert_null(leaf(&list.cpuid, 0x80000008, 0));
}

static void pages_of_a_gib_are_the_processors(void **state)
{
	struct cpuid cpuid = {.nent = 1, .entries = {{.function = 0x80000001, .edx = 1 << 26}}};

	(void)state;
	assert_true(cpuid_gib_pages(&cpuid));
	cpuid.entries[0].edx = ~(1u << 26);
	assert_false(cpuid_gib_pages(&cpuid));
	assert_false(cpuid_gib_pages(&(struct cpuid){0}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_processor_knows_its_place),
		cmocka_unit_test(each_register_is_the_hosts_or_the_machines),
		cmocka_unit_test(levels_of_the_topology_are_added),
		cmocka_unit_test(a_full_list_takes_no_more),
		cmocka_unit_test(pages_of_a_gib_are_the_processors),
		cmocka_unit_test(physical_bits_are_those_that_can_be_mapped),
		cmocka_unit_test(processors_reach_no_further_than_devices),
	};

	return cmocka_run_group_tests_name("vmm_cpuid", tests, NULL, NULL);
}
