# SPDX-License-Identifier: MIT
"""Reboots a guest from inside: seconds to its first process again, as a line of JSON.

    reboot.py -- COMMAND...
"""

import json
import sys
import time

from measure import Monitor

monitor = Monitor(sys.argv[2:])
monitor.wait("bench: bound")
start = time.monotonic()
monitor.tell("reboot")
monitor.wait("bench: first")
took = time.monotonic() - start
monitor.wait("bench: bound")
monitor.end()
print(json.dumps({"reboot_s": round(took, 3)}))
