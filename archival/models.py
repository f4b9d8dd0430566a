from archival.copies_models import Copy, LegalCopy

__all__ = ["Copy", "LegalCopy"]  # of their own module: tables of this app
