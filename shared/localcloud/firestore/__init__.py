"""Firestore in Native mode, over gRPC, on one SQLite file."""

from .service import SERVER_OPTIONS, FirestoreService

__all__ = ["SERVER_OPTIONS", "FirestoreService"]
