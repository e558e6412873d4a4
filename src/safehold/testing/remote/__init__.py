"""Simulators of remote matchers: real HTTP on loopback, and what can go wrong with it."""
