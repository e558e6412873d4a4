"""The authorities that reports go to, one file each."""
