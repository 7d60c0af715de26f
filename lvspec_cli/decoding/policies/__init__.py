"""The verification policies, one a file."""
