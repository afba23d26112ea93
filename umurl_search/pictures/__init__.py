"""Clips and hits as pictures, videos and pages."""
