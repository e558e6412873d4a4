"""`python -m safehold` is the command `safehold`."""

from safehold.cli.main import run

if __name__ == "__main__":
    run()
