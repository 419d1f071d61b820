# SPDX-License-Identifier: MIT
# The only build system. Everything it makes goes to build/ (or O=DIR).
#
#   make                       build/lend
#   make check-unit            the unit tests
#   make SAN=address,undefined the same, with sanitizers, in a folder of its own
#   make install DESTDIR= PREFIX=/usr/local
#   make CC=clang, V=1

CC      ?= gcc
ifeq ($(origin CC),default)
CC      := gcc
endif
CXX     ?= g++
AR      ?= ar
IASL    ?= iasl
SCDOC   ?= scdoc
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
UNITDIR ?= $(PREFIX)/lib/systemd/system
O       ?= build
SAN     ?=
V       ?= 0

# The headers have it.
VERSION := $(shell sed -n 's/^.define LEND_VERSION_[MP][A-Z]* \([0-9]*\)$$/\1/p' include/lend/version.h | paste -sd.)
comma   := ,

ifneq ($(SAN),)
B := $(O)/san-$(notdir $(CC))-$(subst $(comma),-,$(SAN))
else ifneq ($(notdir $(CC)),gcc)
B := $(O)/$(notdir $(CC))
else
B := $(O)
endif

ifeq ($(V),0)
Q := @
say = @printf '  %-6s %s\n' $(1) $(2)
endif

WARN    := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS  ?= -O2 -g
# Checked on what is built by check-hardened. A fortified call does not go together with a sanitizer's, and
# not without optimization.
HARDEN  := -fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection \
           $(if $(SAN)$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2))
ALL_CFLAGS := -std=gnu11 $(WARN) $(HARDEN) -fvisibility=hidden -pthread -D_GNU_SOURCE \
              -DLEND_VERSION='"$(VERSION)"' -Iinclude -I. -I$(B)/gen $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS := -pthread -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
# A sanitizer's own symbols come with the program that loads the library.
SO_LDFLAGS := $(if $(SAN),,-Wl,-z$(comma)defs)
ifneq ($(SAN),)
ALL_CFLAGS  += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
ALL_LDFLAGS += -fsanitize=$(SAN)
endif
# Fences order what a guest or another process sees, never what two threads of ours see: gcc's
# sanitizer of threads does not know them, and need not.
ifeq ($(SAN) $(notdir $(CC)),thread gcc)
ALL_CFLAGS  += -Wno-tsan
endif

TOOL_LIBS := $(shell pkg-config --libs libseccomp jansson liburing 2>/dev/null || echo -lseccomp -ljansson -luring)

lib_src  := $(sort $(wildcard lib/*.c lib/*/*.c lib/*/*/*.c))
vmm_src  := $(sort $(wildcard vmm/*.c vmm/*/*.c))
lend_fake_src := $(sort $(wildcard fake/*.c))
tool_src := $(sort $(wildcard tool/*.c tool/*/*.c tool/*/*/*.c))
# Devices of software, for their unit tests; with the sentences that they make.
serve_src := $(sort $(wildcard tool/serve/*/*.c)) tool/say.c tool/clean.c
# The keeper and what it serves, for tests that do not include the files under test.
run_src  := $(sort $(wildcard tool/run/*.c tool/run/*/*.c)) tool/nearest.c tool/host.c tool/asked.c tool/take.c
test_src := $(sort $(wildcard tests/unit/test_*.c))
fake_src := $(sort $(filter-out $(test_src),$(wildcard tests/unit/*.c)))
conform_src := $(sort $(wildcard tests/conform/*.c))
headers  := $(sort $(wildcard include/lend/*.h))
units    := $(sort $(wildcard tool/systemd/*.in))
pages    := $(sort $(wildcard man/*.scd))

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))
tests := $(patsubst tests/unit/%.c,$(B)/tests/%,$(test_src))

# Libraries that unpack kernels are loaded when one is needed (tool/run/kernel/payload.c).
TOOL_LIBS += -ldl

# What liblend itself needs: files of quirks are JSON.
LIB_LIBS := $(shell pkg-config --libs jansson 2>/dev/null || echo -ljansson)

# The interface of liblend.so changes incompatibly when this does (docs/api.md).
SONAME  := liblend.so.0
SO      := liblend.so.$(VERSION)

all: $(B)/lend $(B)/$(SO)

$(B)/lend: $(call obj,$(tool_src)) $(B)/libvmm.a $(B)/liblend.a
	$(call say,LINK,$@)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# One set of objects for both libraries.
$(call obj,$(lib_src)): ALL_CFLAGS += -fPIC

$(B)/$(SO): $(call obj,$(lib_src)) lib/liblend.map
	$(call say,LINK,$@)
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/liblend.map $(SO_LDFLAGS) $(ALL_LDFLAGS) \
	  -o $@ $(filter %.o,$^) $(LIB_LIBS)

$(B)/liblend.a: $(call obj,$(lib_src))
$(B)/liblend-fake.a: $(call obj,$(lend_fake_src))
$(B)/libvmm.a: $(call obj,$(vmm_src))
$(B)/libserve.a: $(call obj,$(serve_src))
$(B)/librun.a: $(call obj,$(run_src))
$(B)/libfake.a: $(call obj,$(fake_src))
%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Flags that change here are in no object that is older.
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# AML is written in ASL, with macros of C: iasl makes a table in C of it.
$(B)/gen/%.h: vmm/x86/%.asl vmm/x86/dsdt_ports.asl vmm/x86/dsdt_pci.asl vmm/x86/fixed.h
	@mkdir -p $(@D)
	$(call say,IASL,$<)
	$(Q)$(CC) -E -P -undef -x c -Ivmm/x86 -o $(B)/gen/$*.asl $<
	$(Q)$(IASL) -vr -vs -tc -p $(B)/gen/$* $(B)/gen/$*.asl >$(B)/gen/$*.log || { cat $(B)/gen/$*.log; exit 1; }
	@sed 's/^unsigned char/static const unsigned char/' $(B)/gen/$*.hex >$@
$(B)/obj/vmm/x86/acpi_reduced.o: $(B)/gen/dsdt.h
$(B)/obj/vmm/x86/acpi_fixed.o: $(B)/gen/dsdt_fixed.h
$(B)/obj/vmm/x86/acpi_hotplug.o: $(B)/gen/ssdt_hotplug.h

# Each allocation fails in turn.
$(B)/tests/test_pci_fail_each $(B)/tests/test_vmm_plug_each: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup)
$(B)/tests/test_host_cures $(B)/tests/test_host_walk: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,getrlimit faccessat getuid geteuid)

# Allocations and locks are counted.
$(B)/tests/test_firmware_machine: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup pthread_mutex_lock pthread_rwlock_rdlock pthread_rwlock_wrlock)

# Each call into the C library fails in turn.
FAILING := malloc calloc realloc strdup free open close fopen opendir memfd_create eventfd timerfd_create epoll_create1 epoll_ctl \
           read write pread pwrite mmap munmap pthread_create ioctl socketpair pipe2 signalfd fork
$(B)/tests/test_tool_fail_each: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(FAILING))
$(B)/tests/test_vmm_fail_each: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,$(FAILING) lend_context_new)

# A host with several nodes of memory.
$(B)/tests/test_vmm_node: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,syscall madvise)

# A device that comes while the guest runs is the test's.
$(B)/tests/test_vmm_errors $(B)/tests/test_vmm_plug $(B)/tests/test_vmm_plug_each $(B)/tests/test_vmm_plug_port: ALL_LDFLAGS += -Wl,--wrap=lend_device_open_with

# Kernels are packed there.
$(B)/tests/test_tool_kernel_cache $(B)/tests/test_tool_kernel_unpack: TOOL_LIBS += -lzstd -llz4 -llzma -lz

# A disk is full, or slow to say so.
$(B)/tests/test_firmware_flash $(B)/tests/test_firmware_flash_file: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,pwrite fdatasync)

# What a survey asks the kernel is counted.
$(B)/tests/test_host_cost: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,open read readlink readlinkat access stat statx opendir)

# A file vanishes between two of these calls.
$(B)/tests/test_host_vanish: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,open read readlink readlinkat access stat opendir)

# Each file fails, of those that are opened.
$(B)/tests/test_host_unread: ALL_LDFLAGS += $(addprefix -Wl$(comma)--wrap=,open read readlink access stat opendir readdir)

# The command starts no threads, so programs for the sanitizer of threads are built without it.
$(B)/tests/%: $(B)/obj/tests/unit/%.o $(B)/libfake.a $(if $(filter thread,$(SAN)),,$(B)/librun.a $(B)/libserve.a) $(B)/libvmm.a $(B)/liblend-fake.a $(B)/liblend.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(TOOL_LIBS)

# The same cases on every backend; without arguments on the fake.
$(B)/tests/conform: $(call obj,$(conform_src)) $(B)/libfake.a $(B)/libvmm.a $(B)/liblend.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(TOOL_LIBS)

# A monitor's own test, on the device that is installed for it: public headers and the archives alone.
$(B)/tests/test-monitor: $(B)/obj/examples/test-monitor.o $(B)/liblend-fake.a $(B)/liblend.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# What the benchmark runs (bench/run): hot paths, and what is behind a socket.
bench := $(addprefix $(B)/bench/,paths populate round-trip nvme-reads)
bench: $(bench)
$(B)/bench/%: $(B)/obj/bench/%.o $(B)/libvmm.a $(B)/liblend-fake.a $(B)/liblend.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(TOOL_LIBS)

# Targets of libFuzzer (CONTRIBUTING.md). Most are of the files that they need alone, so that one is built
# soon.
FUZZ_SAN := address,undefined,fuzzer-no-link
FUZZ_DIR := $(O)/san-clang-$(subst $(comma),-,$(FUZZ_SAN))/fuzz
FUZZ_SECONDS ?= 15
fuzz_host_src := $(wildcard lib/*.c lib/rules/*.c lib/host/*.c lib/host/*/*.c) $(addprefix tests/,$(addprefix unit/,odd_tree.c folder.c host_tree.c host_kernel.c host_kernel_vfs.c) fuzz/host_tree.c)
fuzz_firmware_src := $(addprefix vmm/,brief.c bus.c error.c memory.c node.c power.c) $(addprefix vmm/firmware/,date.c flash.c fw_cfg.c pm.c rtc.c) tests/fuzz/firmware.c
fuzz_nvme_src := $(filter-out %/format.c %/image.c %/uring.c %/serve.c %/kind.c,$(wildcard tool/serve/nvme/*.c)) \
                 $(addprefix tests/,$(addprefix unit/,nvme_guest.c nvme_hammer.c) fuzz/nvme.c)
fuzz_qmp_src := $(filter-out %/place.c,$(wildcard tool/run/qmp/*.c)) $(addprefix tool/,nearest.c say.c clean.c) \
                $(addprefix tool/run/,properties.c $(notdir $(wildcard tool/run/property_*.c)) device_arg.c device_json.c \
                value.c foreign.c foreign_device.c socket.c) $(wildcard lib/*.c) tests/fuzz/qmp.c
fuzz_server_src := $(wildcard lib/*.c lib/wire/*.c lib/server/*.c) $(addprefix tests/,unit/server_hostile.c fuzz/server.c)
fuzz_virtio_src := $(addprefix tool/serve/virtio/,queue.c ring.c ring_split.c ring_packed.c pieces.c) tests/unit/virtio_driver.c tests/fuzz/virtio.c
fuzz_wire_src := $(wildcard lib/*.c lib/wire/*.c) tests/fuzz/wire.c
fuzz_boot_src := $(addprefix tool/,say.c clean.c run/descriptors.c run/whole_file.c run/kernel/payload.c) tests/fuzz/boot.c
fuzz_command_src := $(wildcard lib/*.c lib/rules/*.c tool/run/*_arg.c tool/run/argfile*.c tool/run/property_*.c) \
                    $(addprefix tool/run/,claim.c device_json.c foreign.c foreign_device.c options.c properties.c unseen.c value.c whole_file.c) \
                    $(addprefix tool/,args.c clean.c host.c nearest.c say.c serve/net/mac.c) tests/fuzz/command.c
fuzz_control_src := $(addprefix tool/run/,control.c outbox.c) tests/fuzz/control.c
fuzz_state_src := $(wildcard tool/serve/virtio/*.c) $(addprefix tool/,say.c clean.c) $(addprefix tests/,unit/virtio_driver.c fuzz/state.c)
# Compared with a model, on the doubles of the unit tests: linked with what is in the archives.
# Those of lib/pci; the machine's is slots.
fuzz_models := bars chains config interrupts life load quirks
fuzz_programs := $(fuzz_models) slots boot command control firmware host_tree nvme qmp server state virtio wire
fuzz_targets := $(patsubst %_tree,%,$(addprefix fuzz-,$(fuzz_programs)))
fuzz-build:
	$(Q)$(MAKE) CC=clang SAN=$(FUZZ_SAN) $(addprefix $(FUZZ_DIR)/,$(fuzz_programs))
$(fuzz_targets): fuzz-%:
	$(Q)$(MAKE) CC=clang SAN=$(FUZZ_SAN) $(FUZZ_DIR)/$(if $(filter host,$*),host_tree,$*)

# Two at a time. Nearly the same inputs each time, as far as they come in so many seconds.
check-fuzz: fuzz-build
	$(Q)tests/fuzz/run $(FUZZ_DIR) $(FUZZ_SECONDS) $(fuzz_programs)

# As long as one likes, with other inputs each time; what they reach is kept beside the programs.
FUZZ_LONG_SECONDS ?= 1800
fuzz-long: fuzz-build
	$(Q)tests/fuzz/run --long $(FUZZ_DIR) $(FUZZ_LONG_SECONDS) $(fuzz_programs)

# Which lines of lib/pci the models see: a build without sanitizers, so that more inputs fit.
fuzz-coverage:
	$(Q)tests/fuzz/coverage $(FUZZ_SECONDS) $(fuzz_models)

$(B)/fuzz/boot: $(call obj,$(fuzz_boot_src)) $(B)/libvmm.a
$(B)/fuzz/slots: $(call obj,tests/fuzz/slots.c) $(B)/libvmm.a
$(B)/fuzz/command: $(call obj,$(fuzz_command_src))
$(B)/fuzz/control: $(call obj,$(fuzz_control_src))
$(B)/fuzz/state: $(call obj,$(fuzz_state_src))
$(B)/fuzz/firmware: $(call obj,$(fuzz_firmware_src))
$(B)/fuzz/host_tree: $(call obj,$(fuzz_host_src))
$(B)/fuzz/nvme: $(call obj,$(fuzz_nvme_src))
$(B)/fuzz/qmp: $(call obj,$(fuzz_qmp_src))
$(B)/fuzz/server: $(call obj,$(fuzz_server_src))
$(B)/fuzz/virtio: $(call obj,$(fuzz_virtio_src))
$(B)/fuzz/wire: $(call obj,$(fuzz_wire_src))
$(B)/fuzz/bars: $(call obj,$(addprefix tests/fuzz/,bars_model.c rules.c))
$(B)/fuzz/chains $(B)/fuzz/config: $(call obj,$(addprefix tests/fuzz/config_model,.c _caps.c))
$(B)/fuzz/chains: $(call obj,tests/fuzz/rules.c)
$(B)/fuzz/life: $(call obj,$(addprefix tests/fuzz/,life_model.c life_device.c rules.c))
$(B)/fuzz/quirks: $(call obj,$(addprefix tests/fuzz/quirks_,model.c device.c once.c))
$(addprefix $(B)/fuzz/,$(fuzz_models)): $(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(B)/libfake.a $(B)/liblend.a
$(B)/fuzz/%:
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ -lcmocka $(TOOL_LIBS)

check-example: $(B)/tests/test-monitor
	$(Q)$<

check-unit: $(tests) $(B)/tests/conform check-headers check-layers check-symbols check-hardened check-conformance check-security check-manual check-example man
	$(Q)tests/unit/run $(tests) $(B)/tests/conform

# Programs that start threads, by themselves or by what they include, under the sanitizer of threads.
threaded := $(shell grep -lE 'pthread_create|vcpus_start|vmm_new|memory_new|dma_client.h|plug_stage.h|user_peer.h|user_stage.h|vcpu_doubles.h' $(test_src))
check-threads:
	$(Q)$(MAKE) SAN=thread CFLAGS='-O1 -g1' thread-tests
# Without random addresses, where that can be had: gcc 12's sanitizer does not start where the kernel chooses them
# from 32 bits (vm.mmap_rnd_bits).
thread-tests: $(patsubst tests/unit/%.c,$(B)/tests/%,$(threaded))
	$(Q)TSAN_OPTIONS="halt_on_error=1 suppressions=$(CURDIR)/tests/unit/threads.supp" \
	  $$(setarch -R true 2>/dev/null && echo setarch -R) tests/unit/run $^

# Each public header compiles alone, as strict C11 and as C++17.
check-headers:
	$(Q)for h in $(headers); do \
	  $(CC) -std=c11 -pedantic-errors -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c $$h && \
	  $(CXX) -std=c++17 -pedantic-errors -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ $$h || exit 1; \
	done

# What is exported is what the headers declare.
check-symbols: $(B)/$(SO)
	$(Q)tests/unit/symbols $<

# Knowledge points one way (docs/architecture.md).
check-layers: $(B)/liblend.a
	$(Q)tests/unit/layers $(B)

# Each rule of the specification has its tests (docs/conformance.md).
check-conformance:
	$(Q)tests/unit/conformance

# Each way in which others failed has its test and its defence (docs/security.md).
check-security:
	$(Q)tests/unit/security

# The program and the library are what HARDEN and the linker were asked for.
check-hardened: $(B)/lend $(B)/$(SO)
	$(Q)$(if $(SAN)$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),,plain),:,tests/unit/hardened $^ $(call obj,$(lib_src) $(vmm_src) $(tool_src)))

# What cannot be seen by running: by cppcheck, clang-tidy and gcc's analyzer.
check-static: $(B)/gen/dsdt.h $(B)/gen/dsdt_fixed.h $(B)/gen/ssdt_hotplug.h
	$(Q)tests/unit/static $(B)

# What is written for people is what the code has.
check-manual:
	$(Q)tests/unit/manual

man: $(patsubst man/%.scd,$(B)/man/%,$(pages))
$(B)/man/%: man/%.scd
	@mkdir -p $(@D)
	$(call say,MAN,$@)
	$(Q)$(SCDOC) <$< >$@

install: $(B)/lend man install-lib
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/lend $(DESTDIR)$(PREFIX)/bin/lend
	$(Q)for p in $(notdir $(patsubst %.scd,%,$(pages))); do s=$${p##*.}; \
	  install -d $(DESTDIR)$(PREFIX)/share/man/man$$s && \
	  install -m 644 $(B)/man/$$p $(DESTDIR)$(PREFIX)/share/man/man$$s/$$p || exit 1; done
	@# Each function is found by its own name.
	$(Q)for p in $(filter %.3.scd,$(pages)); do \
	  for f in $$(sed -n '/^# FUNCTIONS/,/^# [^F]/p' $$p | grep '^\*lend_' | grep -o 'lend_[a-z0-9_]*'); do \
	    [ -e man/$$f.3.scd ] || echo ".so man3/$$(basename $$p .scd)" >$(DESTDIR)$(PREFIX)/share/man/man3/$$f.3 || exit 1; \
	  done; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 tool/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/lend
	install -d $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install -m 644 tool/completion.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_lend
	install -d $(DESTDIR)$(UNITDIR)
	$(Q)for u in $(units); do \
	  sed 's|@BINDIR@|$(PREFIX)/bin|' $$u >$(DESTDIR)$(UNITDIR)/$$(basename $$u .in) || exit 1; done

# The drawing of docs/architecture.md; graphviz makes it when its source has changed.
docs/architecture.svg: docs/architecture.dot
	dot -Tsvg $< | sed '/^<!-- Generated/,/-->$$/d' >$@

# The library alone: headers, both kinds, the device for tests, pkg-config's files.
install-lib: $(B)/$(SO) $(B)/liblend.a $(B)/liblend-fake.a
	install -d $(DESTDIR)$(PREFIX)/include/lend $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 $(headers) $(DESTDIR)$(PREFIX)/include/lend
	install -m 644 $(B)/liblend.a $(B)/liblend-fake.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(B)/$(SO) $(DESTDIR)$(LIBDIR)
	ln -sf $(SO) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/liblend.so
	$(Q)for p in lib/liblend fake/lend-fake; do sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|; s|@VERSION@|$(VERSION)|' $$p.pc.in \
	  >$(DESTDIR)$(LIBDIR)/pkgconfig/$$(basename $$p).pc || exit 1; done

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(O)

.PHONY: all bench check-threads thread-tests $(fuzz_targets) fuzz-build fuzz-long fuzz-coverage check-fuzz check-example check-unit check-hardened check-headers check-layers check-static check-symbols check-conformance check-security check-manual man install install-lib format clean
.SECONDARY:

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
