"""Runs focus-validator, by a Python that has it: FILE TOLD CRITERION...; what failed goes to TOLD.

Its own exit status is 0 whatever fails. A rule that is made of others fails with them, and is not told.
"""

import json
import os
import sys
from pathlib import Path

import focus_validator  # type: ignore[import-not-found]  # of another environment
from focus_validator.validator import Validator  # type: ignore[import-not-found]


def main(data: str, told: str, *criteria: str) -> None:
    """Check a file of FOCUS 1.2."""
    # It opens a file of its own by a relative path.
    os.chdir(Path(focus_validator.__file__).parents[1])
    found = (
        Validator(
            data_filename=data,
            output_type="console",
            output_destination=None,
            rules_version="1.2",
            focus_dataset="CostAndUsage",
            rules_block_remote_download=True,
            applicability_criteria=",".join(criteria),
        )
        .validate()
        .by_rule_id
    )
    details = {rule: one.get("details", {}) for rule, one in found.items()}
    failed = {
        rule: details[rule].get("violations")
        for rule, one in found.items()
        if not one["ok"] and not details[rule].get("skipped") and not details[rule].get("children")
    }
    checked = sum(not one.get("skipped") for one in details.values())
    Path(told).write_text(json.dumps({"checked": checked, "failed": failed}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
