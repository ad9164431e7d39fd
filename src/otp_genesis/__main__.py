"""`python -m otp_genesis`."""

from otp_genesis.cli.main import main

main()
