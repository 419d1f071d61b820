# SPDX-License-Identifier: MIT
"""Two functions on one interrupt line, in each combination of the two ways: the
kernel's bypass, and user space (x-no-kvm-intx)."""

import itertools

import pytest

import zoo as z
from bare import bare, image, slot  # noqa: F401, fixtures among them

pytestmark = pytest.mark.profile("zoo-others")
EDU = 10, 11  # two functions of one slot
WAYS = {"kernel": "", "user": ",x-no-kvm-intx=on"}
BOTH = [pytest.param([WAYS[w] for w in pair], id="-".join(pair))
        for pair in itertools.product(WAYS, repeat=2)]


@pytest.fixture
def machine(l1):
    return l1()


@pytest.mark.zoo("two edu on one line", "INTx")
@pytest.mark.parametrize("properties", BOTH)
def test_line_of_two(bare, properties):
    """Each by itself, and both at once: everything that they raise arrives."""
    g = bare(*EDU, properties=properties)
    line = f"edu {slot(1)} pair 00:01.1"
    assert g.ask(f"{line} 5") == "pair 20 raised, 20 seen"
    # The line is free again for either.
    for function in ("00:01.0", "00:01.1"):
        assert g.ask(f"edu {function} irq intx") == \
            "irq intx 4 interrupts, status 0x107, 0 spurious"
    g.power_off()


@pytest.mark.zoo("two e1000 on one line", "INTx")
@pytest.mark.parametrize("properties", BOTH)
def test_cards_on_one_line(zoo, far, properties):
    """Linux drivers that read the card's register to see whether it was theirs.

    Not nvme: its driver looks into memory alone and touches the device when it
    has found something. In user space's way, where only that lowers the line, a
    line that both share can stay up until the guest's kernel gives it up; it
    does so on QEMU too.
    """
    addresses = z.find(zoo.l1, "8086:100e")
    z.bind(zoo.l1, addresses)
    with zoo.lent(addresses[:2], "INTx", properties=properties,
                  is_compared=False) as g:
        g.ask("network eth0 10.0.3.15 && network eth1 10.0.4.15", 90)
        assert len(g.lines()) == 2 and len(set(g.lines())) == 1
        g.count()
        out = g.ask("for n in 3 4; do "
                    f"nc 10.0.$n.2 {far.gives} </dev/null >/tmp/$n & done; wait; "
                    "sha256sum /tmp/3 /tmp/4", 120)
        assert [line.split()[0] for line in out.splitlines()] == [far.sha256] * 2
