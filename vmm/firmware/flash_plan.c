/* SPDX-License-Identifier: MIT */
/*
 * UEFI Platform Initialization Specification 1.8, volume 3, 3.2.1: the header of a firmware volume.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/firmware/flash.h"
#include "vmm/firmware/flash_plan.h"

enum { VOLUME_GUID = 0x10, VOLUME_LENGTH = 0x20, VOLUME_SIGNATURE = 0x28, VOLUME_HEADER = 0x30 };
enum { VECTOR = 16, MIB = 1 << 20, STORE_MAX = 0x84000 /* of the images that there are */ };

#define GIVE_CODE "give OVMF_CODE_4M.fd of the package ovmf"
#define GIVE_VARS "give a copy of OVMF_VARS_4M.fd of the package ovmf"

/* The file system of a volume with variables. */
static const uint8_t variables_guid[] = {0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c,
					 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50};

/* What a file says of itself. */
struct file {
	const char *name;
	uint32_t size;
	uint64_t volume; /* bytes of the volume that it begins with; 0: it begins with none */
	bool variables;  /* which is one of variables */
	bool starts;     /* it ends with a reset vector */
};

/* Whether these are instructions, or a place that nothing was ever put into. */
static bool is_code(const uint8_t bytes[VECTOR])
{
	for (unsigned i = 1; i < VECTOR; i++)
		if (bytes[i] != bytes[0])
			return true;
	return bytes[0] != 0x00 && bytes[0] != 0xff;
}

static void read_header(const uint8_t header[VOLUME_HEADER], struct file *out)
{
	static const uint8_t zeros[VOLUME_GUID];
	uint64_t length = 0;

	if (memcmp(header, zeros, sizeof(zeros)) || memcmp(header + VOLUME_SIGNATURE, "_FVH", 4))
		return;
	for (unsigned i = 8; i-- > 0;)
		length = length << 8 | header[VOLUME_LENGTH + i];
	out->volume = length;
	out->variables = !memcmp(header + VOLUME_GUID, variables_guid, sizeof(variables_guid));
}

static int look(int fd, const char *what, const char *name, struct file *out, struct lend_error *error)
{
	uint8_t header[VOLUME_HEADER], vector[VECTOR];
	struct stat st;

	*out = (struct file){.name = name};
	if (fstat(fd, &st))
		return fail(error, -errno, "cannot read the %s %s: %s", what, name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return fail(error, -ENOEXEC, "the %s %s is not a regular file; give another one", what, name);
	if (!st.st_size || st.st_size % FLASH_BLOCK || st.st_size > FLASH_MAX)
		return fail(error, -ENOEXEC,
			    "the %s %s has %lld bytes, and a flash chip has a multiple of %d, 8 MiB at most; "
			    "give a file of the package ovmf",
			    what, name, (long long)st.st_size, FLASH_BLOCK);
	out->size = (uint32_t)st.st_size;
	errno = 0; /* of a short read */
	if (pread(fd, header, sizeof(header), 0) != sizeof(header) ||
	    pread(fd, vector, sizeof(vector), st.st_size - VECTOR) != sizeof(vector))
		return fail(error, errno ? -errno : -EIO, "cannot read the %s %s: %s", what, name,
			    strerror(errno ? errno : EIO));
	read_header(header, out);
	out->starts = is_code(vector);
	return 0;
}

static bool is_whole(uint64_t size)
{
	return size == 2 * MIB || size == 4 * MIB || size == 8 * MIB;
}

static bool is_store(const struct file *file)
{
	return file->variables && file->volume == file->size;
}

/* A file with the variables before the code. */
static bool is_both(const struct file *file)
{
	return file->variables && file->volume < file->size && file->volume % FLASH_BLOCK == 0;
}

static int look_at_code(const struct vmm_firmware_config *config, struct file *out, struct lend_error *error)
{
	int ret = look(config->code_fd, "firmware", config->code_name, out, error);

	if (ret)
		return ret;
	if (is_store(out))
		return fail(error, -ENOEXEC,
			    "the firmware %s is a store of variables and no code: " GIVE_CODE
			    ", and this file as vars=",
			    out->name);
	if (!out->starts || (!is_whole(out->size) && !out->volume))
		return fail(error, -ENOEXEC,
			    "the firmware %s is no image of UEFI firmware (it %s): " GIVE_CODE, out->name,
			    out->starts ? "begins with no volume" : "ends without a reset vector");
	return 0;
}

static int look_at_vars(int fd, const char *name, struct file *out, struct lend_error *error)
{
	int ret = look(fd, "variable store", name, out, error);

	if (ret || is_store(out))
		return ret;
	return fail(error, -ENOEXEC, "%s is no store of UEFI variables (%s): " GIVE_VARS, name,
		    out->volume && out->starts ? "it is firmware code"
		    : out->variables           ? "its header tells of another size"
					       : "it does not begin as one");
}

/* The size of the store that makes a whole of the code; 0: there is none. */
static uint32_t missing_size(uint32_t code)
{
	uint32_t whole = 2 * MIB;

	while (whole < code)
		whole *= 2;
	return whole - code <= STORE_MAX ? whole - code : 0;
}

static int fail_size(const struct file *code, struct lend_error *error)
{
	return fail(
		error, -ENOEXEC,
		"the firmware %s has %u bytes; code and variables together have 2, 4 or 8 MiB: " GIVE_CODE,
		code->name, code->size);
}

/* A file with both: the store is a copy of its own, and lost. */
static int plan_both(const struct vmm_firmware_config *config, const struct file *code,
		     struct flash_plan *out, struct lend_error *error)
{
	if (!is_whole(code->size))
		return fail_size(code, error);
	if (config->vars_fd >= 0)
		return fail(error, -ENOEXEC,
			    "the firmware %s has its variables inside: leave vars= out, and they are lost at "
			    "the end; or " GIVE_CODE,
			    code->name);
	*out = (struct flash_plan){.code_size = code->size - (uint32_t)code->volume,
				   .code_offset = (uint32_t)code->volume,
				   .vars_size = (uint32_t)code->volume,
				   .vars_from = config->code_fd,
				   .vars_lost = true};
	return 0;
}

/* Code, with a store that is kept, or begins as its template. */
static int plan_split(const struct vmm_firmware_config *config, const struct file *code,
		      struct flash_plan *out, struct lend_error *error)
{
	int from = config->vars_fd >= 0 ? config->vars_fd : config->template_fd;
	struct file vars;
	int ret;

	*out = (struct flash_plan){.code_size = code->size,
				   .vars_size = missing_size(code->size),
				   .vars_from = from,
				   .vars_lost = config->vars_fd < 0};
	if (from < 0)
		return out->vars_size || is_whole(code->size) ? 0 : fail_size(code, error);
	ret = look_at_vars(from, config->vars_name, &vars, error);
	if (ret)
		return ret;
	out->vars_size = vars.size;
	if (is_whole((uint64_t)code->size + vars.size))
		return 0;
	return fail(error, -ENOEXEC,
		    "%s and %s do not belong together: code of %u bytes and variables of %u have to be 2, 4 "
		    "or 8 MiB; give two files of one image, as OVMF_CODE_4M.fd and OVMF_VARS_4M.fd",
		    code->name, vars.name, code->size, vars.size);
}

int flash_plan(const struct vmm_firmware_config *config, struct flash_plan *out, struct lend_error *error)
{
	struct file code;
	int ret = look_at_code(config, &code, error);

	if (ret)
		return ret;
	if (config->no_vars) {
		*out = (struct flash_plan){.code_size = code.size, .vars_from = -1, .vars_lost = true};
		return is_whole(code.size) || missing_size(code.size) ? 0 : fail_size(&code, error);
	}
	return is_both(&code) ? plan_both(config, &code, out, error) : plan_split(config, &code, out, error);
}
