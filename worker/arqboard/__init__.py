"""A worker toolkit for arq: progress, chunks, leases, honest outcomes."""
