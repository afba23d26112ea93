"""Embeddings as an index: building, kinds of FAISS index, bridges between modalities, exact search."""
