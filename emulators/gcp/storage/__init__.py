"""Cloud Storage: buckets with objects, and the part of its XML API that reads them."""

from emulators.gcp.storage.buckets import Buckets

__all__ = ["Buckets"]
