"""Deployment on Google Cloud: what a deployment consists of, what is there already, and the commands in between."""
