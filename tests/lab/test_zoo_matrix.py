# SPDX-License-Identifier: MIT
"""The matrix itself, from reports."""

from types import SimpleNamespace as Report

from zoo_matrix import Matrix


def test_matrix(tmp_path):
    matrix = Matrix(tmp_path / "zoo.txt", True)

    def report(device, mode, outcome="passed", when="call", note="", iommu="intel"):
        matrix.pytest_runtest_logreport(Report(
            user_properties=[("zoo", [device, iommu, mode, note])], when=when,
            outcome=outcome, duration=1.25))

    report("nvme", "INTx", when="setup")
    report("nvme", "INTx")
    report("edu", "MSI")
    report("edu", "MSI", "failed")
    report("edu", "MSI")
    report("nvme", "MSI-X", "failed", "setup", iommu="virtio")
    report("nvme", "MSI", note="why")
    said = []
    matrix.pytest_terminal_summary(Report(section=said.append, write_line=said.append))
    assert [line.split() for line in said[2:]] == [
        ["nvme", "intel", "ok", "2.5", "s", "ok", "1.2", "s", "(1)", "-", "-"],
        ["edu", "intel", "-", "FAILED", "3.8", "s", "-", "-"],
        ["nvme", "virtio", "-", "-", "FAILED", "1.2", "s", "-"],
        ["(1)", "why"]]
    assert (tmp_path / "zoo.txt").read_text().splitlines() == said[1:]
