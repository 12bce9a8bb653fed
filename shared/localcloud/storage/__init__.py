"""Cloud Storage: gcp-storage-emulator's handlers on a durable index, with preconditions and object notifications."""
