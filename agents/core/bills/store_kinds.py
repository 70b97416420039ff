"""The kinds of object stores: how their calls and permissions are named."""

from __future__ import annotations

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """One kind."""

    name: str
    #: How requests are counted (Context.meter), and priced (Service.paid).
    list_api: str
    read_api: str
    #: What a refusal names.
    list_permission: str
    read_permission: str


_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"

S3 = Kind("s3", "s3:ListObjectsV2", "s3:GetObject", "s3:ListBucket", "s3:GetObject")
AZURE = Kind("blob", "blob:ListBlobs", "blob:GetBlob", _BLOBS, _BLOBS)
GOOGLE = Kind("gs", "storage.objects.list", "storage.objects.get", "storage.objects.list", "storage.objects.get")
FOLDER = Kind("file", "file:list", "file:read", "read", "read")
SFTP = Kind("sftp", "sftp:list", "sftp:read", "read", "read")
