"""What `make bench` measures: one file per path, each beside its floor of the same run. Run by `python -m bench`."""
