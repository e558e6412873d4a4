"""Simulators of exchanges: real HTTP on loopback, with the bad states that the originals have."""
