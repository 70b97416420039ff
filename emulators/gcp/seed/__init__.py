"""What can be put into a local Google Cloud, described well enough to compute what must be found."""
