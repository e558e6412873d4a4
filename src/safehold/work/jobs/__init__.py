"""The jobs of `safehold work`, one file each."""
