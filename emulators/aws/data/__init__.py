"""Data files of the local AWS. Prices are sample data, near list prices but not to be billed by."""

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> Any:
    """The decoded JSON of `name` in this package. Shared: do not change it."""
    return json.loads(files(__name__).joinpath(name).read_text())
