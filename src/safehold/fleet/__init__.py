"""The server processes that are running, and how their canaries fared."""
