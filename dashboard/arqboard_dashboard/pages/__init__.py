"""The pages: each handler parses, asks and renders."""
