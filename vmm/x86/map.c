/* SPDX-License-Identifier: MIT */
/* The memory map: RAM less the firmware's area below 1 MiB, and ECAM as reserved. */
#include "vmm/x86/tables.h"

unsigned map_entries(const struct memory *memory, const struct layout *layout, struct map_entry *out)
{
	unsigned count = 0;
	bool ecam_done = false;

	for (unsigned i = 0; i < memory->piece_count; i++) {
		uint64_t start = memory->pieces[i].gpa.a;
		uint64_t length = memory->pieces[i].length;

		if (start == 0) {
			out[count++] = (struct map_entry){0, ADDR_LOW_END, MAP_RAM};
			out[count++] =
				(struct map_entry){ADDR_LOW_END, ADDR_HIGH_RAM - ADDR_LOW_END, MAP_RESERVED};
			start = ADDR_HIGH_RAM;
			length -= ADDR_HIGH_RAM;
		}
		if (start > ADDR_ECAM && !ecam_done) {
			out[count++] =
				(struct map_entry){ADDR_ECAM, (uint64_t)layout->buses << 20, MAP_RESERVED};
			ecam_done = true;
		}
		out[count++] = (struct map_entry){start, length, MAP_RAM};
	}
	if (!ecam_done)
		out[count++] = (struct map_entry){ADDR_ECAM, (uint64_t)layout->buses << 20, MAP_RESERVED};
	return count;
}

/* The bytes of the hole are lost, and not moved: huge pages need the same offset in both address spaces. */
unsigned map_shown(const struct memory *memory, bool vga, struct memory_piece *out)
{
	unsigned count = 0;

	for (unsigned i = 0; i < memory->piece_count; i++) {
		struct memory_piece piece = memory->pieces[i];

		if (piece.gpa.a == 0 && vga) {
			out[count++] = (struct memory_piece){gpa(0), piece.offset, ADDR_VGA};
			piece.gpa = gpa(ADDR_VGA_END);
			piece.offset += ADDR_VGA_END;
			piece.length -= ADDR_VGA_END;
		}
		out[count++] = piece;
	}
	return count;
}
