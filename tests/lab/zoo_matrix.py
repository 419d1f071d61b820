# SPDX-License-Identifier: MIT
"""The matrix of device by interrupt mode, at the end of a run.

    @pytest.mark.zoo("nvme", "MSI-X")            # iommu="intel", note="", client=""

The client is that of `lend serve pci`; such a cell is in a row of its own.
Each test that is marked so fills a cell: all tests of a cell have to pass, and
its time is theirs together. A note tells of a cell that cannot be, and why.
The matrix is printed, and written to build/lab/zoo.txt. It is gathered from
the reports, which come to the first process from all workers.
"""

import collections
import dataclasses

COLUMNS = ("INTx", "MSI", "MSI-X", "no interrupt")
RANK = ("", "passed", "skipped", "failed")
PROPERTY = "zoo"


@dataclasses.dataclass
class Cell:
    outcome: str = ""
    seconds: float = 0
    note: int = 0  # its number

    def add(self, report):
        # A test is three reports; what matters is the worst of its three.
        self.seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            self.outcome = max(self.outcome, report.outcome, key=RANK.index)

    def __str__(self):
        word = {"passed": "ok", "failed": "FAILED"}.get(self.outcome, self.outcome)
        return f"{word} {self.seconds:.1f} s" + (f" ({self.note})" if self.note else "")


class Matrix:
    def __init__(self, path, is_main, title="device zoo"):
        self._path, self._is_main, self._title = path, is_main, title
        self._rows = collections.defaultdict(dict)
        self._notes = []

    def pytest_runtest_setup(self, item):
        for mark in item.iter_markers("zoo"):
            device, mode = mark.args
            if client := mark.kwargs.get("client"):
                device += f", served to {client}"
            item.user_properties.append((PROPERTY, [
                device, mark.kwargs.get("iommu", "intel"), mode,
                mark.kwargs.get("note", "")]))

    def pytest_runtest_logreport(self, report):
        # Each report of a test has what it has; one of them is enough a cell.
        for name, value in report.user_properties:
            if name != PROPERTY:
                continue
            device, iommu, mode, note = value
            cell = self._rows[device, iommu].setdefault(mode, Cell())
            cell.add(report)
            if note and note not in self._notes:
                self._notes.append(note)
            if note:
                cell.note = self._notes.index(note) + 1

    def lines(self):
        head = ("device", "IOMMU", *COLUMNS)
        table = [head]
        for (device, iommu), cells in self._rows.items():
            table.append((device, iommu, *(str(cells.get(c, "-")) for c in COLUMNS)))
        widths = [max(len(row[n]) for row in table) for n in range(len(head))]
        yield from ("  ".join(w.ljust(n) for w, n in zip(row, widths)).rstrip()
                    for row in table)
        yield from (f"({n}) {note}" for n, note in enumerate(self._notes, 1))

    def pytest_terminal_summary(self, terminalreporter):
        if not self._is_main or not self._rows:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text("".join(line + "\n" for line in self.lines()))
        terminalreporter.section(self._title)
        for line in self.lines():
            terminalreporter.write_line(line)
