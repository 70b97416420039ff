"""Hostile bodies for the results queue: endless, seeded, of every kind, and none that may be stored.

::

    for kind, body in islice(hostile_bodies(seed=7), 50_000):
        publish(carrier, body)

The same seed gives the same bodies. ``kind`` is ``family/what`` (``cut/batch``, ``bomb/zeros``, ``push/json``), for the
messages of failed tests and for counts. What a test may rely on:

- No body is of a planned target (they name the account ``hostile``), and no push is without a fault, so each ends as a
  dead letter: by ``decode``, ``parse`` and ``unwrap``, or as unplanned. Pushes name ``source``, which should be let in.
- ``wrapped/whole`` and ``wrapped/nested`` are whole messages of ``telemetry.undeliverable``.
- Bodies may repeat (``again/...`` on purpose), so there are fewer distinct bodies than bodies.
- Most have some hundred bytes. Each 3,000th, or of the number that ``bomb_every`` says, is a bomb of up to 8 MB; none
  is where it says 0. No bomb is there twice before each was there once.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from telemetry import undeliverable
from tests.support import hostile_batches, hostile_bombs, hostile_pushes

Draw = random.Random
Maker = Callable[[Draw], tuple[str, bytes]]

_AGAIN = 1 / 50


def hostile_bodies(seed: int, *, source: str = "training", bomb_every: int = 3000) -> Iterator[tuple[str, bytes]]:
    """Kinds and bodies without an end."""
    draw = random.Random(seed)
    batches = hostile_batches.makers()
    pushes = [partial(maker, source) for maker in hostile_pushes.makers()]
    makers: list[Maker] = [_noise, *batches, *batches, *pushes, partial(_wrapped, [*batches, *pushes])]
    each_bomb = hostile_bombs.bombs(draw, source)
    former: deque[tuple[str, bytes]] = deque(maxlen=100)
    for number in count(1):
        if bomb_every and number % bomb_every == 0:
            yield next(each_bomb)
            continue
        if former and draw.random() < _AGAIN:
            kind, body = draw.choice(former)
            yield f"again/{kind}", body
            continue
        one = draw.choice(makers)(draw)
        former.append(one)
        yield one


def _noise(draw: Draw) -> tuple[str, bytes]:
    """Bytes of nobody's, behind every beginning that is known."""
    start = draw.choice(
        [b"", b"F", b"FF", b"FF\x02", b"FF\x01", b"FL", b"{", b"[", b"\x80\x04", b"--- !!python/object"]
    )
    return "noise/random", start + draw.randbytes(draw.choice([0, 1, 3, 17, 100, 300]))


def _wrapped(makers: list[Maker], draw: Draw) -> tuple[str, bytes]:
    """Messages that a worker could not use, and what only looks like one."""
    kind, inner = draw.choice(makers)(draw)
    what = draw.choice(["whole", "nested", "cut", "flipped", "wrong"])
    queue = draw.choice(["push", "plan", "collect.aws", "", "\x1b[31m", "q" * 5000, "\u202e"])
    body = undeliverable.wrap(queue, draw.choice(["malformed", "not_a_task", "\0"]), f"was {kind}", inner)
    if what == "nested":
        body = undeliverable.wrap("push", "malformed", "twice", body)
    elif what == "cut":
        body = body[: draw.randrange(2, len(body))]
    elif what == "flipped":
        body = hostile_batches.flip(draw, body, start=2)
    elif what == "wrong":
        body = undeliverable.MAGIC + hostile_batches.pack(hostile_batches.wrong_value(draw))
    return f"wrapped/{what}", body
