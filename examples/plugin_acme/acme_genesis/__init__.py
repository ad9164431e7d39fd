"""Acme's additions to OTP-Genesis."""
