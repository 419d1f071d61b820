/* SPDX-License-Identifier: MIT */
/*
 * An image is served as it is, whatever its bytes are: a guest writes the first blocks of
 * its disk, and must not choose how they are read the next time. So these marks decide
 * nothing; somebody who forgot to convert an image is told.
 */
#include <string.h>
#include <unistd.h>

#include "tool/serve/nvme/format.h"

#define CONVERT "make a raw one of it: qemu-img convert -O raw OLD NEW"
#define UNPACK  "unpack it first"

enum { MARK_MAX = 24 };

/* A mark is `length` bytes at `at`; negative: from the end of the file. */
static const struct {
	struct nvme_format format;
	int at;
	unsigned length;
	char mark[MARK_MAX];
} rows[] = {
	{{"a qcow2 image", CONVERT}, 0, 4, "QFI\xfb"}, /* and qcow */
	{{"a QED image", CONVERT}, 0, 4, "QED"},
	{{"a VMDK image", CONVERT}, 0, 4, "KDMV"},
	{{"a VMDK image", CONVERT}, 0, 4, "COWD"},
	{{"a VMDK image", CONVERT}, 0, 21, "# Disk DescriptorFile"},
	{{"a VHDX image", CONVERT}, 0, 8, "vhdxfile"},
	{{"a VHD image", CONVERT}, 0, 8, "conectix"},
	{{"a VHD image", CONVERT}, -512, 8, "conectix"},
	{{"a VDI image", CONVERT}, 64, 4, "\x7f\x10\xda\xbe"},
	{{"a Parallels image", CONVERT}, 0, 16, "WithoutFreeSpace"},
	{{"a Parallels image", CONVERT}, 0, 16, "WithouFreSpacExt"},
	{{"a Bochs image", CONVERT}, 0, 22, "Bochs Virtual HD Image"},
	{{"a DMG image", CONVERT}, -512, 4, "koly"},
	{{"a file of gzip", UNPACK}, 0, 3, "\x1f\x8b\x08"},
	{{"a file of xz", UNPACK}, 0, 6, "\xfd\x37zXZ"},
	{{"a file of zstd", UNPACK}, 0, 4, "\x28\xb5\x2f\xfd"},
	{{"a file of bzip2", UNPACK}, 0, 10, "BZh91AY&SY"},
	{{"a file of zip", UNPACK}, 0, 4, "PK\x03\x04"},
};

const struct nvme_format *nvme_format_find(int fd, uint64_t size)
{
	char bytes[MARK_MAX];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		off_t at = rows[i].at + (rows[i].at < 0 ? (off_t)size : 0);
		ssize_t got = pread(fd, bytes, rows[i].length, at);

		if (got == (ssize_t)rows[i].length && !memcmp(bytes, rows[i].mark, rows[i].length))
			return &rows[i].format;
	}
	return NULL;
}
