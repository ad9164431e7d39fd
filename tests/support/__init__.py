"""What tests of several rooms share: the command as a user runs it, and small projects."""
