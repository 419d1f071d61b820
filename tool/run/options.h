/* SPDX-License-Identifier: MIT */
/*
 * The command line of `lend run`, as data. Nothing is opened or looked at
 * here: what can be said of a command line without the computer that it is
 * for is said here.
 */
#ifndef TOOL_RUN_OPTIONS_H
#define TOOL_RUN_OPTIONS_H

#include "vmm/vmm.h"

enum serial_kind {
	SERIAL_STDIO,
	SERIAL_FILE,
	SERIAL_UNIX,
	SERIAL_NONE,
};

enum { ROMFILE_MAX = 1024, SERVED_WORDS_MAX = 8, RUN_ID_MAX = 64 };
enum { RUN_PATH_MAX = 1024, RUN_NAME_MAX = 65, RUN_FW_FILES_MAX = 32 };
enum rtc_base { RTC_UTC, RTC_LOCAL, RTC_AT };

/* A server that is started beside the machine: `lend serve` with these words. */
struct run_served {
	char name[LEND_NAME_SIZE]; /* "-disk debian.img", "-net user", for sentences */
	unsigned count;            /* words; 0: none is started */
	bool keeps;                /* it gets --state-fd: the next server goes on where one died */
	size_t used;               /* bytes of `words` */
	char words[4352];          /* each with its NUL */
};

/* One -device vfio-pci,… or vfio-user-pci,… */
struct run_device {
	bool user; /* vfio-user-pci: `socket` is where its server listens */
	char socket[108];
	struct run_served served; /* its server is ours: servers_start() fills in `socket` */
	unsigned reply_ms;        /* how long a reply of the server may take; 0: the default */
	unsigned give_up_ms;      /* how long a guest may keep what the host wants back; 0: the default */
	unsigned reconnect_s;     /* how long a server that is gone is looked for; 0: not at all */
	char id[RUN_ID_MAX];      /* for those who operate the machine; empty: its address is it */
	char host[256];      /* "0000:05:00.0", or the path of a mediated device; empty: named otherwise */
	char claim[192];     /* a claim: whoever takes the device looks up which one it is; empty: none */
	bool comes_later;    /* while the guest runs: nothing that may take long is looked up at once */
	char name[128];      /* as lend_survey_resolve() takes it, where host= is no address */
	char expect[96];     /* VENDOR:DEVICE[/SERIAL]; empty: any */
	int fd;              /* its open node, inherited; -1: not given */
	char fd_socket[108]; /* the path of a socket that hands it out; empty: not given */
	enum lend_backend backend;
	char vf_token[40];         /* empty: none */
	char romfile[ROMFILE_MAX]; /* empty: none */
	bool managed, allow_unreset;
	bool taken; /* managed, and not VFIO's before: managed_find() fills it in */
	enum vmm_on_error on_error;
	int boot_index;                       /* -1: not in the firmware's order */
	struct lend_function_config function; /* without what the machine fills in */
};

/* One -fw-cfg; its strings point into argv. */
struct run_fw_file {
	char name[56];
	const char *string, *path; /* one of them; the other is NULL */
};

/* What is for a machine with UEFI firmware. */
struct run_firmware {
	char code[RUN_PATH_MAX];                         /* a path, or "uefi"; empty: a kernel is started */
	char vars[RUN_PATH_MAX], template[RUN_PATH_MAX]; /* empty: not given */
	bool no_vars;                                    /* vars=none */
	bool vars_sync;
	bool boot, menu; /* -boot was there, and its menu=on */
	bool rtc;        /* -rtc was there */
	enum rtc_base rtc_base;
	int64_t rtc_at; /* of RTC_AT: seconds since 1970 */
	struct run_fw_file files[RUN_FW_FILES_MAX];
	unsigned file_count;
};

/* The control socket. The machine has one below the run directory, too, unless it is to have none. */
enum qmp_kind { QMP_REGISTER, QMP_UNIX, QMP_FD, QMP_NONE };
struct run_qmp {
	enum qmp_kind kind;
	char path[108]; /* of QMP_UNIX */
	int fd;         /* of QMP_FD: a listening socket, inherited */
};

enum run_sandbox_mode { RUN_SANDBOX_ON, RUN_SANDBOX_LOG, RUN_SANDBOX_OFF };

/* Whom root's machines become where the user exists and no other is named. */
#define RUN_SANDBOX_USER "lend-machine"

struct run_sandbox {
	enum run_sandbox_mode mode;
	bool has_user; /* the machine becomes `user`; else it stays who it is */
	unsigned user, group;
};

/* Strings point into argv. */
struct run_options {
	uint64_t memory; /* bytes */
	bool has_node;   /* memory comes from `node` of the host */
	unsigned node;
	uint64_t huge_page; /* bytes of a page of hugetlb, 0: ordinary memory */
	bool shared;        /* memory that other processes could map */
	unsigned cpus;
	/* The host's processor that each of the guest's runs on; as many as `cpus`, or 0: on any. */
	unsigned pin[VMM_CPUS_MAX];
	unsigned pin_count;
	const char *kernel, *initrd, *append;
	const char *kernel_cache; /* the folder of unpacked kernels; NULL: the user's own */
	bool no_kernel_cache;
	struct run_firmware firmware;
	char name[RUN_NAME_MAX]; /* of the machine; empty: it has none */
	struct run_qmp qmp;
	enum serial_kind serial;
	const char *serial_path;
	uint8_t uuid[16];
	bool cf8, no_reboot;
	int at;           /* the argument that is wrong; 0: none, or what is missing */
	bool help;        /* --help was there: nothing else was checked */
	unsigned verbose; /* how many -v */
	const char *stats, *trace;
	uint64_t begun; /* when the command did, ns of CLOCK_MONOTONIC */
	struct run_sandbox sandbox;
	bool has_iommu_fd; /* -object iommufd,fd=N */
	int iommu_fd;
	struct run_device devices[VMM_DEVICES_MAX];
	unsigned device_count;
	unsigned ports;       /* for devices that come later */
	uint64_t port_window; /* bytes of each, above 4 GiB; 0: ports_size() fills it in */
	bool device_alone;    /* no machine is run here: lend serve pci */
};

/** Reads argv[1] and on. 0, or -EINVAL with the sentence in `error`. */
int options_parse(int argc, char *const *argv, struct run_options *out, struct lend_error *error);

/** Reads the value of -c or -smp: "4", "4,pin=0-3", "4,sockets=1,cores=4". 0 or -EINVAL. */
int cpus_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Reads the value of -serial; its path points into `value`. 0 or -EINVAL. */
int serial_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Reads the value of -qmp. 0 or -EINVAL. */
int qmp_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Reads the value of -sandbox, and of -user. 0 or -EINVAL. */
int sandbox_parse(struct run_options *options, const char *value, struct lend_error *error);
int user_parse(struct run_options *options, const char *value, struct lend_error *error);
/** Where root named no user: RUN_SANDBOX_USER, if there is one. */
void sandbox_choose_user(struct run_options *options);
/** What the user gives up by a sandbox that is not on; NULL: nothing. */
const char *sandbox_cost(const struct run_options *options);

/** Reads the value of -ports: "2", "2,window=64G". 0 or -EINVAL. */
int ports_parse(struct run_options *options, const char *value, struct lend_error *error);
/** Sizes the windows of ports, if the user did not, by the largest device of this computer. */
void ports_size(struct run_options *options);
/** Bytes that a device of this computer ("0000:05:00.0") needs of such a window. */
uint64_t ports_need(const char *name);

/** Reads the value of -machine, or of -object. 0 or -EINVAL. */
int machine_parse(struct run_options *options, const char *value, struct lend_error *error);
int object_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Reads the value of -m: "4G", "4G,hugetlb=2M,share=on". 0 or -EINVAL. */
int memory_parse(struct run_options *options, const char *value, struct lend_error *error);

/** Reads the value of one -device and adds it to the others. 0 or -EINVAL. */
int device_parse(struct run_options *options, const char *value, struct lend_error *error);

/* The pieces of values: 0 or -EINVAL, without a sentence. */

/** "512" (MiB), "4G", "4g", "1048576K", "1T": bytes, without overflow. */
int value_size(const char *text, uint64_t *out);
/** A plain decimal number from `least` to `most`. */
int value_number(const char *text, unsigned least, unsigned most, unsigned *out);
/** on, off, yes, no, true, false. */
int value_switch(const char *text, bool *out);
/** The address of a network card, "02:00:00:12:34:56". NULL, or why it is none, to be said behind it. */
const char *value_mac(const char *text, uint8_t out[6]);

/** Cuts the next part off `*rest`, in place, with ",," made "," in it; NULL at the end. */
char *value_next(char **rest);

/** Whether it can be the name of a machine, which files and folders are called after: no slash, no dot in
 * front. */
bool value_is_name(const char *name);

enum { VALUE_PART = 32 };
/** Copies what stands before the next comma; returns where that is, or the end. NULL: longer than all of
 * ours.
 */
const char *value_part(const char *text, char out[VALUE_PART]);

#endif
