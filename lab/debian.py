# SPDX-License-Identifier: MIT
"""The disk of lab/system's Debian, made patient.

    debian.write_disk(path)

systemd waits 90 s for the serial line to come up, and then does without a login prompt there. Under emulation,
on a busy computer, that is too short. So the copy has a file more, by which it waits for an hour.
"""

import subprocess
import tempfile

from lab import cache

FOLDER, NAME = "/etc/systemd/system.conf.d", "patient.conf"
TEXT = "[Manager]\nDefaultDeviceTimeoutSec=1h\n"


def _debugfs(disk, *commands):
    """What they print. debugfs does not tell by its status whether they went well."""
    done = subprocess.run(["/sbin/debugfs", "-w", "-f", "-", disk], input="\n".join(commands),
                          capture_output=True, text=True, check=True)
    return done.stdout


def write_disk(path):
    subprocess.run(["cp", "--sparse=always", cache.system() / "disk.img", path], check=True)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(TEXT)
        file.flush()
        _debugfs(path, f"mkdir {FOLDER}", f"cd {FOLDER}", f"write {file.name} {NAME}")
    if TEXT not in _debugfs(path, f"cat {FOLDER}/{NAME}"):
        raise cache.SetupError(f"{path}: debugfs does not put {FOLDER}/{NAME} there")
