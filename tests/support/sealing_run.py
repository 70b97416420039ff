"""A process that seals a little at a time, to be killed anywhere in it."""

import os
import random
import sys
from datetime import datetime, timedelta

from pydantic import SecretStr

from storage.database import Database
from storage.folding.points import drop_sealed, fold_points


def main() -> None:
    """Seal until nothing is left at a time, or before, while a day is open: again and again."""
    now = datetime.fromisoformat(sys.argv[1])
    with Database(SecretStr(os.environ["FINFLEET_DATABASE_URL"]), size=1) as database:
        while True:
            with database.connection() as connection:
                at = now - timedelta(hours=random.choice([0, random.randrange(96)]))
                if not fold_points(connection, at, points=3000):
                    drop_sealed(connection, now + timedelta(days=1))
