"""Servers on 127.0.0.1 that speak the vendors' wire formats: for tests without a vendor."""
