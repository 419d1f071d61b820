# SPDX-License-Identifier: MIT
"""The guest's serial line, wherever it goes, and back."""

import pytest

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("serial")]

# Says a line, and ends.
SPEAKS = """#!/bin/sh
. /lib.sh
guest_start
answer spoken
guest_end
"""


# More than the pipe holds, which is made as small as can be, and no more than the keeper keeps for it. Each byte
# is an exit of the guest: what the usual pipe does not hold takes minutes on a busy computer.
FLOOD = 20000
FLOODS = f"""#!/bin/sh
. /lib.sh
guest_start
head -c {FLOOD} /dev/zero | tr '\\0' x
guest_end
"""
# Reads nothing before the machine is gone.
LATE = """( python3 -c 'import fcntl; fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 4096)' && exec {0} ) | (
until machine=$(pgrep -x lend-machine); do sleep 0.05; done
tail --pid=$machine -s 0.1 -f /dev/null
wc -c)"""


def test_guest_does_not_wait_for_its_reader(l1, boot):
    guest = boot(l1(), devices=[], init=FLOODS, wrap=LATE, wait=False)
    result = guest.ended(0)
    assert int(result.out.split()[-1]) >= FLOOD
    assert "left out" not in result.err


def test_pipe(l1, boot):
    guest = boot(l1(), devices=[])
    assert guest.ask("echo typed $((6 * 7))") == "typed 42"
    guest.power_off()


def test_pipe_that_ends_leaves_the_guest_running(l1, boot):
    guest = boot(l1(), devices=[])
    guest.tell("usleep 300000; echo still here; guest_end")
    guest.command.close_stdin()
    guest.command.expect("still here\r?\n")
    guest.ended(0)


def test_terminal(l1, boot):
    guest = boot(l1(), devices=[], pty=True)
    assert guest.ask("echo typed $((6 * 7))") == "typed 42"
    # A terminal's own keys are the guest's now.
    guest.ask("stty -icanon -isig min 1; head -c 2 | od -An -tx1 >/tmp/k &")
    guest.command.send(b"\x03\x1a\n")
    guest.ask("wait; stty icanon isig")
    guest.power_off()


def test_long_input_arrives_whole(l1, boot):
    guest = boot(l1(), devices=[])
    text = "".join(chr(ord("a") + n % 26) for n in range(3000))
    assert guest.ask(f"t={text}; echo ${{#t}} ${{t##*x}}") == "3000 yzabcdefghij"
    guest.power_off()


def test_file(l1, boot):
    machine = l1()
    path = machine.results / "serial.log"
    machine.run(["sh", "-c", f"echo of an older run >{path}"], check=True)
    guest = boot(machine, devices=[], serial=f"file:{path}", init=SPEAKS,
                 wait=False)
    result = guest.ended(0)
    assert "spoken" not in result.out
    text = machine.run(["cat", path], check=True).out
    assert "lend-guest: spoken" in text and "older" not in text


def test_none(l1, boot):
    guest = boot(l1(), devices=[], serial="none", init=SPEAKS, wait=False)
    result = guest.ended(0)
    assert result.out == "" and result.err == ""
    assert guest.stats["end"] == "poweroff"


CLIENT = r"""
import socket, sys, time
path = sys.argv[1]
while True:
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        break
    except OSError:
        s.close()
f = s.makefile("rw")
for line in f:
    if "ready" in line:
        break
f.write("1 echo typed $((6 * 7))\n2 guest_end\n")
f.flush()
print(f.read())
"""


def test_socket(l1, boot):
    machine = l1()
    path = "/run/serial.sock"
    guest = boot(machine, devices=[], serial=f"unix:{path}", wait=False)
    out = machine.run(["/usr/bin/python3", "-c", CLIENT, path], check=True).out
    assert "typed 42" in out
    guest.ended(0)
    assert not machine.run(["test", "-e", path]).ok, "the socket is removed"
