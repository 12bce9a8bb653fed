"""Configurations that the tests deploy."""

SECRETS = ("db-password", "web-key")
"""What `EVERYTHING` is given, and people make."""

EVERYTHING = """
[deployment]
name = "night"
location = "eur3"
log_retention_days = 7
xcom_retention_days = 0
point_in_time_recovery = true
dashboard = true
notification_channels = ["projects/demo-project/notificationChannels/7"]

[functions.web]
min_instances = 1
secrets = { WEB_KEY = "web-key:2" }

[web]
access = "iap"
members = ["user:ada@example.org", "group:pilots@example.org"]

[queues.heavy]
memory = "4Gi"
cpu = 2
concurrency = 2
secrets = { DB_PASSWORD = "db-password:latest" }
env = { MODE = "a,b" }

[queues.days]
kind = "job"
system_packages = ["ffmpeg"]
timeout = 172800
secrets = { DB_PASSWORD = "db-password:latest" }

[queues.bought]
kind = "job"
image = "docker.io/example/tasks:3"
service_account = "tasks-bought@demo-project.iam.gserviceaccount.com"

[queues.field]
kind = "pull"
"""
"""Every kind of resource, and settings other than the defaults."""
