"""Find a text wherever it may hide: as it is, in hex, in base64 at any offset, and in what zstd has compressed."""

import base64
from collections.abc import Iterable, Iterator
from contextlib import suppress

import zstandard

_ZSTD = bytes.fromhex("28b52ffd")
_MOST = 1 << 26


class Search:
    """Looks for texts in bytes of any kind."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Prepare every form of every text."""
        self._forms = {form: text for text in texts for form in _forms(text)}

    def found(self, content: bytes) -> set[str]:
        """The texts that `content` holds."""
        return {text for part in _unpacked(content) for form, text in self._forms.items() if form in part}


def _forms(text: str) -> Iterator[bytes]:
    plain = text.encode()
    yield plain
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for offset in range(3):
        # The characters that depend on what comes before and after are left out.
        shifted = bytes(offset) + plain
        whole = shifted[: len(shifted) // 3 * 3]
        encoded = base64.b64encode(whole)[(0, 2, 3)[offset] :]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))


def _unpacked(content: bytes) -> Iterator[bytes]:
    yield content
    at = content.find(_ZSTD)
    while at >= 0:
        with suppress(zstandard.ZstdError):  # four bytes may only look like it
            yield zstandard.ZstdDecompressor().stream_reader(memoryview(content)[at:]).read(_MOST)
        at = content.find(_ZSTD, at + 1)
