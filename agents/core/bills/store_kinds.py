"""The kinds of object stores: how their calls and permissions are named."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Prices(msgspec.Struct, frozen=True):
    """Dollars a request."""

    list: Decimal
    read: Decimal


FREE = Prices(Decimal(0), Decimal(0))
AWS = Prices(Decimal("0.000005"), Decimal("4E-7"))
"""As Amazon has published them, of S3 Standard in most regions."""


class Kind(msgspec.Struct, frozen=True):
    """One kind."""

    name: str
    #: How requests are counted (Context.meter), and priced (Service.paid).
    list_api: str
    read_api: str
    #: What a refusal names.
    list_permission: str
    read_permission: str
    #: Files of one answer to a list.
    page: int = 1000


_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"

S3 = Kind("s3", "s3:ListObjectsV2", "s3:GetObject", "s3:ListBucket", "s3:GetObject")
AZURE = Kind("blob", "blob:ListBlobs", "blob:GetBlob", _BLOBS, _BLOBS, page=5000)
GOOGLE = Kind("gs", "storage.objects.list", "storage.objects.get", "storage.objects.list", "storage.objects.get")
FOLDER = Kind("file", "file:list", "file:read", "read", "read")
SFTP = Kind("sftp", "sftp:list", "sftp:read", "read", "read")
