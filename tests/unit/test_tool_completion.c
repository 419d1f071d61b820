/* SPDX-License-Identifier: MIT */
/* What bash offers for -device and -m, asked of the completion's own functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *typed, const char *offered)
{
	char command[400], line[400] = "";
	FILE *bash;

	snprintf(command, sizeof(command),
		 "bash -c '. tool/completion.bash; compopt() { :; }; _lend_devices() { echo 0000:05:00.0; }; "
		 "_lend_device \"$1\" \"$1\"; echo \"${COMPREPLY[*]}\"' bash %s",
		 typed);
	bash = popen(command, "r");
	assert_non_null(bash);
	assert_non_null(fgets(line, sizeof(line), bash));
	assert_int_equal(pclose(bash), 0);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, offered);
}

static void addresses(void **state)
{
	(void)state;
	expect("vfio-pci,host=", "vfio-pci,host=0000:05:00.0");
	expect("vfio-pci,x-intx=off,host=", "vfio-pci,x-intx=off,host=0000:05:00.0");
}

static void switches(void **state)
{
	static const char *const names[] = {"x-no-mmap",          "x-intx",
					    "x-no-kvm-intx",      "x-vga",
					    "x-no-kvm-ioeventfd", "x-no-vfio-ioeventfd",
					    "x-no-geforce-quirks"};
	char typed[64], offered[160];

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(typed, sizeof(typed), "vfio-pci,%s=", names[i]);
		snprintf(offered, sizeof(offered), "%son %soff", typed, typed);
		expect(typed, offered);
		snprintf(typed, sizeof(typed), "vfio-pci,host=5:0.0,%s=of", names[i]);
		snprintf(offered, sizeof(offered), "%sf", typed);
		expect(typed, offered);
	}
}

static void names(void **state)
{
	(void)state;
	expect("vfio-pci,x-i", "vfio-pci,x-intx= vfio-pci,x-intx-mmap-timeout-ms=");
	expect("vfio-pci,host=5:0.0,x-n",
	       "vfio-pci,host=5:0.0,x-no-mmap= vfio-pci,host=5:0.0,x-no-kvm-intx= "
	       "vfio-pci,host=5:0.0,x-no-kvm-msi= vfio-pci,host=5:0.0,x-no-kvm-msix= "
	       "vfio-pci,host=5:0.0,x-no-kvm-ioeventfd= vfio-pci,host=5:0.0,x-no-vfio-ioeventfd= "
	       "vfio-pci,host=5:0.0,x-no-geforce-quirks= vfio-pci,host=5:0.0,x-nv-gpudirect-clique=");
	expect("vfio-pci,x-v", "vfio-pci,x-vga=");
	/* One driver has what the other one refuses. */
	expect("vfio-pci,so", "");
	expect("vfio-pci,host=5:0.0,re", "");
	expect("vfio-user-pci,so", "vfio-user-pci,socket=");
	expect("vfio-user-pci,socket=/s,re", "vfio-user-pci,socket=/s,reconnect=");
	expect("vfio-user-pci,socket=/s,h", "");
	expect("vfio-user-pci,socket=/s,x-no-v", "");
	expect("vfio-user-pci,socket=/s,x-no-mmap=of", "vfio-user-pci,socket=/s,x-no-mmap=off");
	expect("vfio-pci,x-intx-mmap-timeout-ms=", "");
}

/* A whole line, as bash gives it to the completion of lend. */
static void expect_line(const char *typed, const char *offered)
{
	char command[900], line[400] = "";
	FILE *bash;

	snprintf(command, sizeof(command),
		 "bash -c '. tool/completion.bash; compopt() { :; }; _lend_names() { echo 0000:05:00.0 eth1; "
		 "}; _lend_nodes() { echo 0 1; }; "
		 /* A machine of another user may be called anything. */
		 "lend() { echo \"{\\\"name\\\":\\\"db1\\\",\\\"name\\\":\\\"\\$(echo run)\\\","
		 "\\\"qdev_id\\\":\\\"d1\\\",\\\"qdev_id\\\":\\\"\\$(echo run)\\\"}\"; }; "
		 "COMP_LINE=\"$1\"; COMP_POINT=${#COMP_LINE}; read -ra COMP_WORDS <<<\"$1\"; "
		 "[[ $1 == *\" \" ]] && COMP_WORDS+=(\"\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
		 "_lend; echo \"${COMPREPLY[*]}\"' bash '%s'",
		 typed);
	bash = popen(command, "r");
	assert_non_null(bash);
	assert_non_null(fgets(line, sizeof(line), bash));
	assert_int_equal(pclose(bash), 0);
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, offered);
}

static void commands(void **state)
{
	(void)state;
	expect_line("lend ", "ls check bind unbind vf topology cdi run ps ctl serve help --help --version");
	expect_line("lend ctl db re", "remove reset");
	expect_line("lend ctl --json db e", "events");
	expect_line("lend ps --", "--json --help");
	expect_line("lend ctl ", "db1");
	expect_line("lend ctl db1 remove ", "d1");
	expect_line("lend un", "unbind");
	expect_line("lend bind ", "0000:05:00.0 eth1");
	expect_line("lend bind --siblings e", "eth1");
	expect_line("lend bind --si", "--siblings");
	expect_line("lend check --", "--memory --cpus --device --firmware --ports --json --help");
	expect_line("lend ls --t", "--tree");
	expect_line("lend unbind --limit ", "");
	expect_line("lend help v", "vf");
	expect_line("lend serve ", "net nvme pci test --help");
	expect_line("lend serve net --t", "--tap");
	expect_line("lend serve test --f", "--fd --faults");
	expect_line("lend serve nvme --format ", "raw");
}

static void memory(void **state)
{
	(void)state;
	expect_line("lend run -m ", "");
	expect_line("lend run -m 4", "");
	expect_line("lend run -m 4G,", "4G,hugetlb= 4G,share= 4G,node=");
	expect_line("lend run -m 4G,share=on,n", "4G,share=on,node=");
	expect_line("lend run -m 4G,node=", "4G,node=0 4G,node=1");
	expect_line("lend run -m 4G,hugetlb=", "4G,hugetlb=2M 4G,hugetlb=1G 4G,hugetlb=on");
	expect_line("lend run -c ", "");
	expect_line("lend run -c 4,", "4,pin=");
	expect_line("lend run -smp 4,pin=0", "");
	expect_line("lend check -c 4,p", "4,pin=");
	expect_line("lend check -m 4G,sh", "4G,share=");
}

static void firmware(void **state)
{
	(void)state;
	expect_line("lend run -firmware u", "uefi");
	expect_line("lend check --firmware ", "uefi");
	expect_line("lend run -boot menu=", "menu=on menu=off");
	expect_line("lend run --rtc base=l", "base=localtime");
	expect_line("lend run -fw-cfg ", "name=opt/");
	expect_line("lend run -name ", "");
	expect_line("lend run -firm", "-firmware");
	expect("vfio-pci,b", "vfio-pci,bootindex=");
}

/* zsh reads its completion without a complaint. */
static void zsh(void **state)
{
	(void)state;
	if (system("command -v zsh >/dev/null"))
		return;
	assert_int_equal(system("zsh -n tool/completion.zsh"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses), cmocka_unit_test(switches), cmocka_unit_test(names),
		cmocka_unit_test(commands),  cmocka_unit_test(memory),   cmocka_unit_test(zsh),
		cmocka_unit_test(firmware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
