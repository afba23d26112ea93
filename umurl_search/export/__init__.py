"""Embeddings out of the library, as files."""
