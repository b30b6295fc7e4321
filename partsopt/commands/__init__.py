"""The command line: the only speaker to people."""
