"""Google Cloud's serverless parts on one machine: Firestore, Pub/Sub, Cloud Storage, Cloud Scheduler and a small Cloud Run.

Every part speaks the wire protocol of the real one, so any Google client in any language works on it unchanged.
"""
