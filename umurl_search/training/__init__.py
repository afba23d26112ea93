"""Trains an encoder on a dataset of the library, resumes, watches and imports one."""
