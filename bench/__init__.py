# SPDX-License-Identifier: MIT
"""lend beside other monitors, in the lab."""
