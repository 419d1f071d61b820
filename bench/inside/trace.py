# SPDX-License-Identifier: MIT
"""A start of lend with its trace (Trace Event format): the file, as a line of JSON.

    trace.py FILE -- COMMAND...
"""

import json
import sys
from pathlib import Path

from measure import Monitor

monitor = Monitor(sys.argv[3:])
monitor.wait("bench: bound")
monitor.end()
print(json.dumps({"trace": json.loads(Path(sys.argv[1]).read_text())}))
