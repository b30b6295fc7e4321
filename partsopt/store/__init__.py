"""The edges: readers, writers, publishing, the lock."""
