/* SPDX-License-Identifier: MIT */
/*
 * For libFuzzer: the guest's memory map. The bytes place BARs of two devices, move them onto each
 * other, onto RAM and onto the interrupt controllers, and take them away. After each change the
 * memory slots that KVM has, and who answers on the two buses, are those of a model:
 *
 *  - The BAR that answers somewhere goes on answering there; another one waits, and is tried again
 *    in the order of devices and BARs when one has left its place.
 *  - Each direct part of a BAR that answers is a slot.
 *  - A BAR smaller than a page has the slot of its page while nothing else answers in that page.
 */
#include "tests/fuzz/input.h"
#include "tests/unit/vmm_doubles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGE = 4096, DEVICES = 2, PARTS = 2, STEPS = 64 };

struct place {
	bool wanted, shown, io, shares;
	uint64_t address, size;
	unsigned part_count;
	struct {
		uint64_t offset, length;
		bool read_only;
	} parts[PARTS];
};

static struct place places[DEVICES][LEND_BARS];
static uint8_t page[PAGE];

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static const struct place *at_place(unsigned i)
{
	return &places[i / LEND_BARS][i % LEND_BARS];
}

/* Whether another BAR answers in this range of the bus. */
static bool others(const struct place *place, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < DEVICES * LEND_BARS; i++) {
		const struct place *other = at_place(i);

		if (other != place && other->shown && other->io == place->io &&
		    overlap(address, size, other->address, other->size))
			return true;
	}
	return false;
}

static void show(struct place *place)
{
	bool taken = place->io ? place->address + place->size > 0x10000
			       : place->address < GIB(1) || overlap(place->address, place->size, 0xfec00000,
								    GIB(4) - 0xfec00000);

	place->shown = !taken && !others(place, place->address, place->size);
}

static void show_waiting(void)
{
	for (unsigned i = 0; i < DEVICES * LEND_BARS; i++) {
		struct place *place = &places[i / LEND_BARS][i % LEND_BARS];

		if (place->wanted && !place->shown)
			show(place);
	}
}

static bool is_slot(uint64_t address, uint64_t length, bool read_only)
{
	for (unsigned i = 0; i < 64; i++)
		if (kvm.slots[i].size == length && kvm.slots[i].gpa == address &&
		    !!(kvm.slots[i].flags & KVM_MEM_READONLY) == read_only)
			return true;
	return false;
}

static unsigned check_slots(const struct place *place)
{
	bool alone = !others(place, place->address, PAGE);

	if (!place->shown || place->io)
		return 0;
	if (place->shares && !alone)
		return 0;
	for (unsigned i = 0; i < place->part_count; i++) {
		uint64_t length = place->shares ? PAGE : place->parts[i].length;

		if (!is_slot(place->address + place->parts[i].offset, length, place->parts[i].read_only))
			fail_msg("no slot at 0x%llx",
				 (unsigned long long)(place->address + place->parts[i].offset));
	}
	return place->part_count;
}

static void check_answer(unsigned number, const struct place *place)
{
	struct bus *bus = place->io ? &vmm.port_bus : &vmm.memory_bus;
	uint64_t value;
	int ret;

	if (!place->wanted)
		return;
	ret = bus_read(bus, place->address, 1, &value);
	if (place->shown) {
		assert_int_equal(ret, 0);
		assert_int_equal(value, number % LEND_BARS * 0x10000);
		assert_ptr_equal(vmm.assigned[number / LEND_BARS]->bars[number % LEND_BARS].bus, bus);
	} else {
		assert_null(vmm.assigned[number / LEND_BARS]->bars[number % LEND_BARS].bus);
	}
}

static void check(void)
{
	unsigned slots = 0, ranges[2] = {0};

	for (unsigned i = 0; i < DEVICES * LEND_BARS; i++) {
		slots += check_slots(at_place(i));
		check_answer(i, at_place(i));
		ranges[at_place(i)->io] += at_place(i)->shown;
	}
	assert_int_equal(kvm.slot_count, slots);
	assert_int_equal(vmm.memory_bus.count, ranges[0]);
	assert_int_equal(vmm.port_bus.count, ranges[1]);
}

/* Few addresses, so that BARs meet. */
static struct place any_place(struct input *input)
{
	static const uint64_t bases[] = {0xe0000000, 0x3fffc000, 0xfebfc000, UINT64_C(0x100000000),
					 0xe0000000, 0xe0000000, 0xe0000000, 0x200000000};
	uint8_t what = take(input), where = take(input), parts = take(input);
	struct place place = {.wanted = true, .io = !(what & 0xe0)};

	if (place.io) {
		place.size = UINT64_C(4) << (what & 7);
		place.address = (where & 0x80 ? 0xff00 : 0x1000) + (where & 0x7f) * 4u;
		place.address -= place.address % place.size;
		return place;
	}
	place.size = UINT64_C(16) << (what & 15) % 12;
	place.address = bases[where & 7] + (where >> 4) * 0x1000u + (where & 8 ? 0x400 : 0);
	place.address -= place.address % place.size;
	place.shares = place.size < PAGE;
	if (place.shares) {
		place.part_count = !(place.address % PAGE) && parts & 1;
		place.parts[0].length = place.size;
		return place;
	}
	place.part_count = parts % (PARTS + 1);
	for (unsigned i = 0; i < place.part_count; i++) {
		place.parts[i].length = place.size == PAGE ? PAGE : place.size / 2;
		place.parts[i].offset = i * place.parts[0].length;
		place.parts[i].read_only = parts >> (4 + i) & 1;
	}
	if (place.size == PAGE && place.part_count > 1)
		place.part_count = 1;
	return place;
}

static void tell_map(unsigned number, unsigned bar, const struct place *place)
{
	struct lend_bar_direct direct[PARTS];
	struct lend_bar_map map = {.struct_size = sizeof(map),
				   .bar = bar,
				   .io = place->io,
				   .address = place->address,
				   .size = place->size,
				   .direct_count = place->part_count,
				   .direct = direct};

	for (unsigned i = 0; i < place->part_count; i++)
		direct[i] = (struct lend_bar_direct){.offset = place->parts[i].offset,
						     .length = place->parts[i].length,
						     .va = page,
						     .shares_page = place->shares,
						     .read_only = place->parts[i].read_only};
	assert_int_equal(assign_ops.bar_map(&vmm, vmm.assigned[number], &map), 0);
}

static bool stays(const struct place *now, const struct place *next)
{
	return next->wanted && now->shown && now->io == next->io && now->address == next->address &&
	       now->size == next->size;
}

/* One change of a device: up to three of its BARs, told at once. */
static void step(struct input *input)
{
	uint8_t head = take(input);
	unsigned number = head & 1, count = (head >> 1) % 3 + 1, told = 0, hidden = 0;
	struct assigned *assigned = vmm.assigned[number];
	struct place next[LEND_BARS] = {{0}}, *mine = places[number];
	bool left = false;

	assign_ops.bar_begin(&vmm, assigned);
	for (unsigned i = 0; i < count; i++) {
		uint8_t what = take(input);
		unsigned bar = what % LEND_BARS;

		told |= 1u << bar;
		next[bar] = what & 0x80 ? (struct place){0} : any_place(input);
		if (next[bar].wanted)
			tell_map(number, bar, &next[bar]);
		else
			assert_int_equal(assign_ops.bar_unmap(&vmm, assigned, bar), 0);
	}
	for (unsigned i = 0; i < LEND_BARS; i++) {
		if (!(told & 1u << i) || stays(&mine[i], &next[i]))
			continue;
		left |= mine[i].shown;
		mine[i].shown = mine[i].wanted = false;
	}
	for (unsigned i = 0; i < LEND_BARS; i++) {
		bool shown = mine[i].shown;

		if (!(told & 1u << i) || !next[i].wanted)
			continue;
		mine[i] = next[i];
		mine[i].shown = shown;
		if (!shown)
			show(&mine[i]);
	}
	if (left)
		show_waiting();
	for (unsigned i = 0; i < LEND_BARS; i++)
		if (told & 1u << i && mine[i].wanted && !mine[i].shown)
			hidden |= 1u << i;
	assert_int_equal(assign_ops.bar_commit(&vmm, assigned), hidden);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	set_up(NULL);
	memset(places, 0, sizeof(places));
	add_device(1);
	for (unsigned i = 0; i < STEPS && input.left; i++) {
		step(&input);
		check();
	}
	tear_down(NULL);
	return 0;
}
