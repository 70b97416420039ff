"""The services of Google Cloud, a file each."""
