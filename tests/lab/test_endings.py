# SPDX-License-Identifier: MIT
"""Each way in which a machine ends by itself or is asked to: exit status, and
nothing left behind (Guest.ended looks)."""

import signal

import pytest

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("endings")]

# The guest ends when its power button is pressed, as a kernel without a
# driver for the key sees it: the platform's interrupt.
ON_BUTTON = ("{ until grep ACPI:Ged /proc/interrupts | grep -q '[1-9][ 0-9]*IO'; do"
             " usleep 20000; done; guest_end; } &")


def test_power_off_from_inside(l1, boot):
    guest = boot(l1())
    guest.power_off()
    assert guest.stats["end"] == "poweroff" and guest.stats["status"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_presses_the_power_button(number, l1, boot):
    guest = boot(l1())
    guest.ask(ON_BUTTON)
    guest.command.kill(number)
    guest.command.expect("pressing the guest's power button")
    guest.ended(0)
    assert guest.stats["end"] == "poweroff"


def test_power_button_is_a_key_for_stock_kernels(l1, boot, lend):
    host = l1()
    guest = boot(host, "stock", modules=["button", "evdev"], memory="512M", options=["-name", "key"])
    # struct input_event, 64 bit: the time (16 bytes), type, code, value
    # Open before the button is pressed: the kernel keeps what comes then.
    guest.ask("wait_for /dev/input/event0 && exec 4</dev/input/event0 && "
              "{ dd bs=24 count=1 <&4 2>/dev/null |"
              " od -An -tu2 -j16 >/tmp/key; answer key $(cat /tmp/key);"
              " guest_end; } &")
    # After a signal the guest has 30 s; this gives it all the time that it needs.
    pressed = host.start([lend, "ctl", "key", "powerdown"])
    guest.command.expect("lend-guest: key 1 116 1 0", 60)
    guest.ended(0)
    pressed.wait()


def test_second_signal_ends_a_guest_that_does_not_react(l1, boot):
    guest = boot(l1())
    guest.command.kill(signal.SIGTERM)
    guest.command.expect("ask again to end it")
    guest.ask("true")
    guest.command.kill(signal.SIGTERM)
    guest.ended(0, 20)
    assert guest.stats["end"] == "stopped"


def test_signal_before_the_guest_runs(l1, boot):
    """Nobody is there yet to press a button for. It is sent where the machine is seen, so that nothing comes between."""
    machine = l1()
    guest = boot(machine, wait=False)
    machine.run(f"until pgrep -x lend-machine; do :; done; kill -TERM $(head -1 {guest.command.cgroup}/cgroup.procs)",
                check=True)
    result = guest.ended(0, 20)
    assert "lend-guest: ready" not in result.out


def test_start_says_what_it_waits_for(l1, boot):
    """A machine that stands still before the guest runs; then it goes on.

    So much memory takes seconds to populate: it is stopped while it does that.
    """
    machine = l1()
    guest = boot(machine, memory="2G", wait=False)
    machine.run("until pid=$(pgrep -x lend-machine); do :; done; kill -STOP $pid",
                check=True)
    guest.command.kill(signal.SIGUSR1)
    guest.command.expect(r"the guest has not started after \d+ s; under way: \w+")
    # And by itself after 10 s; on a busy computer it comes late.
    guest.command.expect(r"(?s)(the guest has not started after \d+ s; under way: \w+.*){2}")
    machine.run("pkill -CONT -x lend-machine", check=True)
    guest.ready().power_off()


def test_triple_fault(l1, boot):
    guest = boot(l1(), append="reboot=t", options=["-no-reboot"])
    guest.tell("reboot -f")
    result = guest.ended(3)
    assert "triple fault" in result.err
    assert guest.stats["end"] == "fault"


def test_panic_that_pvpanic_tells(l1, boot):
    guest = boot(l1())
    guest.tell("echo c >/proc/sysrq-trigger")
    result = guest.ended(4)
    assert "panicked" in result.err
    assert guest.stats["end"] == "panic"


def test_panic_reboots_without_the_driver(l1, boot):
    """Only the driver tells; else the guest does what its panic= says."""
    guest = boot(l1(), append="initcall_blacklist=pvpanic_mmio_driver_init",
                 options=["-no-reboot"])
    guest.tell("echo c >/proc/sysrq-trigger")
    guest.ended(0)
    assert guest.stats["end"] == "reboot"


def test_keys_at_a_terminal(l1, boot):
    guest = boot(l1(), pty=True)
    guest.command.send(b"\x01h")
    guest.command.expect("Ctrl-a x  switch the machine off")
    guest.ask("true")
    guest.command.send(b"\x01x")
    guest.ended(0, 20)
    assert guest.stats["end"] == "stopped"
