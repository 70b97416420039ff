"""The commands of ``finfleet``, a file each."""
