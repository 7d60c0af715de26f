"""The decoding core: draft, verify, accept, commit. It knows torch and nothing else.

Importing this package (or `options` and `methods` in it) does not import torch; `engine` and its kin do.
"""
