/* SPDX-License-Identifier: MIT */
/*
 * Documentation/arch/x86/boot.rst, payload_offset and payload_length. In each format the last four
 * bytes are the size of what is inside: the kernel's build appends them where the format has none.
 *
 * The libraries are loaded where one is needed, which is once for each kernel. Linked, each start
 * would load all of them, and each process would have their pages.
 */
#include <asm/bootparam.h>
#include <dlfcn.h>
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "tool/run/kernel/payload.h"

enum { HEADER_AT = 0x1f1, MAGIC = 0x53726448, VERSION_64 = 0x020c, SECTOR = 512, SIZE_BYTES = 4 };
enum { LZ4_BLOCK = 8 << 20, XZ_MEMORY = 256 << 20, GZIP_ALONE = 16 + MAX_WBITS };

/*
 * The bytes that are read, and those that are written. The process ends after it, so what a library has
 * allocated is not freed.
 */
struct work {
	const uint8_t *in;
	uint8_t *out;
	size_t size, room;
};

static int done(bool right)
{
	return right ? 0 : -EBADMSG;
}

static int unpack_zstd(void *library, const struct work *work)
{
	__typeof__(&ZSTD_decompress) decompress = dlsym(library, "ZSTD_decompress");

	if (!decompress)
		return -EOPNOTSUPP;
	return done(decompress(work->out, work->room, work->in, work->size - SIZE_BYTES) == work->room);
}

/* The format of lz4 -l, which the library's own functions for files do not read: blocks of 8 MiB. */
static int unpack_lz4(void *library, const struct work *work)
{
	__typeof__(&LZ4_decompress_safe) decompress = dlsym(library, "LZ4_decompress_safe");
	const uint8_t *in = work->in + SIZE_BYTES, *end = work->in + work->size - SIZE_BYTES;
	size_t filled = 0;

	if (!decompress)
		return -EOPNOTSUPP;
	while (end - in > SIZE_BYTES && filled < work->room) {
		size_t left = work->room - filled;
		uint32_t size;
		int length;

		memcpy(&size, in, sizeof(size));
		in += sizeof(size);
		if (size > (size_t)(end - in))
			return -EBADMSG;
		length = decompress((const char *)in, (char *)work->out + filled, (int)size,
				    left < LZ4_BLOCK ? (int)left : LZ4_BLOCK);
		if (length <= 0)
			return -EBADMSG;
		in += size;
		filled += (size_t)length;
	}
	return done(filled == work->room);
}

static int unpack_xz(void *library, const struct work *work)
{
	__typeof__(&lzma_auto_decoder) begin = dlsym(library, "lzma_auto_decoder");
	__typeof__(&lzma_code) code = dlsym(library, "lzma_code");
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_ret ret;

	if (!begin || !code)
		return -EOPNOTSUPP;
	if (begin(&stream, XZ_MEMORY, 0) != LZMA_OK)
		return -ENOMEM;
	stream.next_in = work->in;
	stream.avail_in = work->size;
	stream.next_out = work->out;
	stream.avail_out = work->room;
	ret = code(&stream, LZMA_FINISH);
	/* An LZMA file without its size has no end that the room does not give. */
	return done(!stream.avail_out && (ret == LZMA_STREAM_END || ret == LZMA_OK));
}

static int unpack_gzip(void *library, const struct work *work)
{
	__typeof__(&inflateInit2_) begin = dlsym(library, "inflateInit2_");
	__typeof__(&inflate) more = dlsym(library, "inflate");
	z_stream stream = {.next_in = (z_const Bytef *)work->in,
			   .avail_in = (uInt)work->size,
			   .next_out = work->out,
			   .avail_out = (uInt)work->room};

	if (!begin || !more)
		return -EOPNOTSUPP;
	if (begin(&stream, GZIP_ALONE, ZLIB_VERSION, (int)sizeof(stream)) != Z_OK)
		return -ENOMEM;
	return done(more(&stream, Z_FINISH) == Z_STREAM_END && !stream.avail_out);
}

static const struct format {
	uint8_t magic[4];
	size_t magic_size;
	const char *library;
	int (*unpack)(void *library, const struct work *work);
} formats[] = {
	{{0x28, 0xb5, 0x2f, 0xfd}, 4, "libzstd.so.1", unpack_zstd},
	{{0x02, 0x21, 0x4c, 0x18}, 4, "liblz4.so.1", unpack_lz4},
	{{0xfd, '7', 'z', 'X'}, 4, "liblzma.so.5", unpack_xz},
	{{0x5d, 0, 0}, 3, "liblzma.so.5", unpack_xz},
	{{0x1f, 0x8b}, 2, "libz.so.1", unpack_gzip},
};

static const struct format *find_format(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (length > 2 * SIZE_BYTES && !memcmp(bytes, formats[i].magic, formats[i].magic_size))
			return &formats[i];
	return NULL;
}

bool payload_is_known(const uint8_t *bytes, size_t length)
{
	return find_format(bytes, length);
}

int payload_unpack(const uint8_t *bytes, size_t size, uint8_t *out, size_t room, int (*ready)(void))
{
	const struct format *format = find_format(bytes, size);
	const struct work work = {bytes, out, size, room};
	void *library = format ? dlopen(format->library, RTLD_NOW | RTLD_LOCAL) : NULL;
	int ret = library ? 0 : -EOPNOTSUPP;

	if (!ret && ready)
		ret = ready();
	return ret ? ret : format->unpack(library, &work);
}

int payload_find(int fd, struct payload *out)
{
	struct setup_header header;
	uint32_t unpacked;
	struct stat st;

	if (fstat(fd, &st) || pread(fd, &header, sizeof(header), HEADER_AT) != sizeof(header))
		return -ENOEXEC;
	if (header.header != MAGIC || header.version < VERSION_64 || !(header.xloadflags & XLF_KERNEL_64))
		return -ENOEXEC;
	out->at = ((header.setup_sects ? header.setup_sects : 4u) + 1u) * SECTOR +
		  (uint64_t)header.payload_offset;
	out->size = header.payload_length;
	if (out->size <= 2 * SIZE_BYTES || out->size > PAYLOAD_MAX ||
	    out->at + out->size > (uint64_t)st.st_size)
		return -ENOEXEC;
	if (pread(fd, &unpacked, SIZE_BYTES, (off_t)(out->at + out->size - SIZE_BYTES)) != SIZE_BYTES)
		return -ENOEXEC;
	/* It is unpacked in the room that the kernel asks for. */
	out->unpacked = unpacked;
	return !unpacked || unpacked > header.init_size || unpacked > UNPACKED_MAX ? -ENOEXEC : 0;
}
