/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "lib/sized.h"

int sized_take(void *own, size_t have, const void *given, size_t least)
{
	size_t size = 0;

	if (given)
		memcpy(&size, given, sizeof(size));
	if (size < least || size < sizeof(size))
		return -EINVAL;
	for (size_t i = have; i < size; i++)
		if (((const uint8_t *)given)[i])
			return -E2BIG;
	memset(own, 0, have);
	memcpy(own, given, size < have ? size : have);
	memcpy(own, &have, sizeof(have));
	return 0;
}

void sized_give(void *out, size_t room, const void *own, size_t have)
{
	size_t both = room < have ? room : have;

	memcpy(out, own, both);
	memset((uint8_t *)out + both, 0, room - both);
}

void sized_give_row(void *rows, size_t stride, size_t index, const void *own, size_t have)
{
	sized_give((uint8_t *)rows + index * stride, stride, own, have);
}
