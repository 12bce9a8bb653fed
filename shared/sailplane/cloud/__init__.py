"""The only package that imports google.cloud: store (Firestore), bus (Pub/Sub) and blobs (Cloud Storage)."""
