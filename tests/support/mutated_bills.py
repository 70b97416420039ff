"""Reads files of bills whose bytes were changed, in a process that may die of it: ``... ENDING SEED COUNT``.

Prints a line for each, before it is read and afterwards: what had been begun last is what ended the process.
"""

import random
import sys
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from telemetry.errors import CollectionError
from tests.support.bills import BASE, PACKED, as_parquet, focus, read, zipped

_ROWS = [{**BASE, "BilledCost": str(number), "ServiceName": f"service {number % 5}"} for number in range(40)]
_NESTED = [
    {**row, "x_Tags": [{"key": "team", "value": row["ServiceName"]}], "x_Cost": 1.5, "x_At": number}
    for number, row in enumerate(_ROWS)
]
TOTAL = Decimal(sum(range(40)))
SLOW = 5.0
"""Seconds that a file of some kilobytes may take at the most."""
CHECKED = frozenset({"csv.gz", "csv.zip", "zip"})
"""These have sums of their own: what is read of them is what was written."""

FOUND: Mapping[str, tuple[int, ...]] = {"zip": (4, 79), "2.parquet": (1237,), "4.parquet": (1283,)}
"""Those that something was wrong with: an error of Python's own, a file passed over, an end of the process."""


def files() -> Mapping[str, Callable[[], bytes]]:
    """What is harmed, by the end of its name."""
    text = focus(*_ROWS)
    return {
        **{ending: lambda pack=pack: pack(text) for ending, pack in PACKED.items()},  # type: ignore[misc] # mypy cannot infer a default
        "zip": lambda: zipped(one=focus(*_ROWS[:20]), two=focus(*_ROWS[20:])),
        "parquet": lambda: as_parquet(_NESTED, row_group_size=15, data_page_size=300),
        "1.parquet": lambda: as_parquet(_NESTED, compression="snappy"),
        "2.parquet": lambda: as_parquet(_NESTED, compression="zstd", data_page_version="2.0"),
        "3.parquet": lambda: as_parquet(_NESTED, compression="gzip", use_dictionary=False),
        "4.parquet": lambda: as_parquet(
            _ROWS,
            compression="none",
            use_dictionary=False,
            column_encoding=dict.fromkeys(_ROWS[0], "DELTA_BYTE_ARRAY"),
        ),
    }


def harmed(body: bytes, chance: random.Random) -> bytes:
    """With one to three changes: bytes that are others, that are not there, that come twice, or a file that is cut."""
    made = bytearray(body)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        # The ends say most of what is in a file.
        edge = chance.random() < 0.5
        place = chance.randrange(len(made) - min(len(made), 400), len(made)) if edge else chance.randrange(len(made))
        length = chance.choice((1, 1, 2, 4, 30))
        what = chance.randrange(7)
        if what == 0:
            made[place] ^= 1 << chance.randrange(8)
        elif what == 1:
            made[place : place + length] = chance.randbytes(length)
        elif what == 2:
            made[place : place + length] = b"\xff" * length
        elif what == 3:
            made[place : place + length] = b"\0" * length
        elif what == 4:
            del made[place : place + length]
        elif what == 5:
            made[place:place] = made[max(0, place - length) : place]
        else:
            del made[place:]
        if not made:
            return b""
    return bytes(made)


def main(ending: str, seed: int, count: int) -> None:
    """Read so many of them."""
    body = files()[ending]()
    with TemporaryDirectory(prefix="finfleet-harmed-") as name:
        for number in (*FOUND.get(ending, ()), *range(seed, seed + count)):
            _say(f"begun {ending} {number}")
            began = time.monotonic()
            _say(f"{_outcome(Path(name), ending, harmed(body, random.Random(number)))} {number}")
            if time.monotonic() - began > SLOW:
                _say(f"slow {number}: {time.monotonic() - began:.1f} s")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _outcome(folder: Path, ending: str, body: bytes) -> str:
    try:
        found = read(folder, {f"bill.{ending}": body})
    except CollectionError as error:
        return "refused" if "bill" in str(error) else f"unnamed: {error}"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        return f"raised {type(error).__name__}: {error}"
    total = sum((line.billed_cost or Decimal(0) for line in found.lines), Decimal(0))
    if ending in CHECKED and (total, found.delivery.rows_read) not in {(TOTAL, 40), (Decimal(0), 0)}:
        return f"wrong: {found.delivery.rows_read} rows of {total}"
    return "read"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
