"""The command line: one file for each command. Only here does anything print or exit."""
