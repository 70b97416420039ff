"""What botocore knows of AWS's services and regions, read once for all sessions of a process.

Otherwise each session reads it anew: of ten accounts that are asked for EC2, each takes 0.3 s and 25 MB.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def share_models(session: Any) -> None:
    """Let a botocore session read what others have read already."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        path = session.get_config_variable("data_path")
    except BotoCoreError:
        return  # a profile that is not there: whoever uses the session is told
    session.register_component("data_loader", _loader(path))


@cache
def _loader(path: str | None) -> Any:
    from botocore.loaders import create_loader  # noqa: PLC0415 - an SDK is loaded where it is used

    return create_loader(path)
