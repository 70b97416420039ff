"""The permissions that the stores of sources need, and how each store grants them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.core.service import Service

DOCUMENT = "focus.md"

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "s3:ListObjectsV2": "s3:ListBucket",
        "s3:GetObject": "s3:GetObject",
        "blob:ListBlobs": _BLOBS,
        "blob:GetBlob": _BLOBS,
        "storage.objects.list": "storage.objects.list",
        "storage.objects.get": "storage.objects.get",
        # A folder's are those of the file system, here or on the server.
        "file:list": "",
        "file:read": "",
        "sftp:list": "",
        "sftp:read": "",
    }
)
PERMISSIONS = tuple(dict.fromkeys(name for name in _NAMES.values() if name))
"""Of every kind of store: a source needs those of its own."""


def permission_of(api: str) -> str:
    """The permission that a call of ``api`` (``s3:GetObject``) needs; empty where it needs none."""
    return _NAMES.get(api, api)


def document(services: Iterable[Service]) -> str:
    """The text of docs/permissions/focus.md: what to grant in each kind of store."""
    mine = sorted(one.name for one in services if one.provider == "focus")
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::BUCKET"],
                "Condition": {"StringLike": {"s3:prefix": ["FOLDER", "FOLDER/*"]}},
            },
            {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::BUCKET/FOLDER/*"]},
        ],
    }
    return _DOCUMENT.format(services=" and ".join(f"`{name}`" for name in mine), policy=json.dumps(policy, indent=2))


_DOCUMENT = """# Permissions for files of FOCUS

Generated from the registry of services; do not edit.

{services} read a folder of a store, and write nothing. What its owner has to grant, by the scheme of `url`:

| Store | Permissions |
|---|---|
| `s3://` | `s3:ListBucket` on the bucket, for the folder alone; `s3:GetObject` on what is in the folder |
| `https://` (Azure Blob) | `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read` on the container |
| `gs://` | `storage.objects.list` and `storage.objects.get` on the bucket |
| `sftp://` | a user that can read the folder and the files in it, and whose sessions may be of SFTP alone |
| `file://` | the user of the worker can read the folder and the files in it |

- In S3:

```json
{policy}
```

  Where the bucket is encrypted with a key of your own, also `kms:Decrypt` on that key.
- In Azure the built-in role `Storage Blob Data Reader` on the container, or a shared access signature with the rights
  read and list (`sp=rl`).
- In Google the role `roles/storage.objectViewer` on the bucket.
- In Oracle Cloud, for its own cost reports, in the root compartment:
  `define tenancy usage-report as ocid1.tenancy.oc1..aaaaaaaaned4fkpkisbwjlr56u7cj63lf3wffbilvqknstgtvzub7vhqkggq` and
  `endorse group GROUP to read objects in tenancy usage-report`; the user of a group so endorsed needs a customer secret
  key, which `access_key_id` and `secret_access_key` are.
"""
