output "urls" {
  description = "URL of each function, by its name without the deployment's."
  value       = { for function in concat(keys(local.receivers), keys(local.faces)) : function => "https://${var.name}-${function}-${local.url_end}" }
}

output "bucket" {
  description = "Bucket for logs, large XComs and DAG bundles: what `sailplane dags push` writes to."
  value       = google_storage_bucket.this.name
}

output "database" {
  description = "Firestore database."
  value       = google_firestore_database.this.name
}

output "topics" {
  description = "Topic of each queue."
  value       = { for queue in keys(local.queues) : queue => google_pubsub_topic.this["${var.name}-${queue}"].id }
}

output "dead_letter_subscription" {
  description = "Subscription that keeps what was given up."
  value       = google_pubsub_subscription.this["${var.name}-dead-letters"].id
}

output "service_accounts" {
  description = "Email of each service account, by role."
  value       = { for role in local.roles : role => google_service_account.this[role].email }
}

output "jobs" {
  description = "Cloud Run job of each queue of kind job."
  value       = { for queue in keys(local.jobs) : queue => google_cloud_run_v2_job.this[queue].name }
}
