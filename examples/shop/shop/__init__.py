"""A small shop that works in the background."""
