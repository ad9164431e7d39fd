"""Older documents: what runs as it is, what is written otherwise now, and the rewriting itself."""
