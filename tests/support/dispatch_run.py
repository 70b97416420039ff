"""The planner's ticks for some services, once, in a process of their own. Arguments: PROVIDER/SERVICE ..."""

import logging
import sys

from tasks.app import app
from tasks.plan import fan_out, sweep


def main(names: list[str]) -> None:
    """Plan and hand out, as a planner does at a tick."""
    logging.basicConfig(level=logging.INFO)
    app.set_current()
    for name in names:
        if name == "sweep":
            sweep()
        else:
            fan_out(*name.split("/"))


if __name__ == "__main__":
    main(sys.argv[1:])
