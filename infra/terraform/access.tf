# Who may do what. Each service account has the roles that its calls need, on the narrowest thing that has them.

locals {
  users           = [for role in ["tick", "events", "web"] : local.emails[role]]
  worker_accounts = distinct(concat([local.emails["worker"]], [for it in values(local.queues) : it.service_account]))
  publishers      = concat(local.users, local.worker_accounts)

  # Which account reads which secret: those of the functions, and those of the queues' tasks.
  secret_readers = {
    for pair in distinct(concat(
      flatten([for function in keys(var.functions) : [for secret in values(var.functions[function].secrets) : { secret = split(":", secret)[0], email = local.emails[function] }]]),
      flatten([for it in values(local.queues) : [for secret in values(it.kind == "function" ? merge(var.functions.worker.secrets, it.secrets) : it.secrets) : { secret = split(":", secret)[0], email = it.service_account }]]),
    )) : "${pair.secret} ${pair.email}" => pair
  }
}

resource "google_service_account" "this" {
  for_each = toset(local.roles)

  project      = var.project_id
  account_id   = "${var.name}-${each.key}"
  display_name = "Sailplane ${var.name}: ${each.key}"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "firestore" {
  for_each = toset(local.publishers)

  project = var.project_id
  role    = "roles/datastore.user"
  member  = "serviceAccount:${each.key}"

  depends_on = [google_service_account.this]
}

# What Cloud Build needs to fetch the source, keep the image and write its log.
resource "google_project_iam_member" "build" {
  for_each = toset(["roles/artifactregistry.writer", "roles/logging.logWriter", "roles/storage.objectViewer"])

  project = var.project_id
  role    = each.key
  member  = "serviceAccount:${local.emails["build"]}"

  depends_on = [google_service_account.this]
}

resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = {
    for pair in setproduct(keys(local.queues), local.publishers) : "${pair[0]} ${pair[1]}" => { queue = pair[0], email = pair[1] }
  }

  project = var.project_id
  topic   = google_pubsub_topic.this["${var.name}-${each.value.queue}"].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${each.value.email}"

  depends_on = [google_service_account.this]
}

resource "google_pubsub_topic_iam_member" "storage_agent" {
  project = var.project_id
  topic   = google_pubsub_topic.this["${var.name}-events"].name
  role    = "roles/pubsub.publisher"
  member  = local.storage_agent
}

resource "google_pubsub_topic_iam_member" "pubsub_agent" {
  project = var.project_id
  topic   = google_pubsub_topic.this["${var.name}-dead-letters"].name
  role    = "roles/pubsub.publisher"
  member  = local.pubsub_agent

  depends_on = [google_project_service_identity.this]
}

# Pub/Sub itself takes from a subscription what it hands to the dead letters.
resource "google_pubsub_subscription_iam_member" "agent" {
  for_each = { for name, it in local.subscriptions : name => it if it.dead_letters }

  project      = var.project_id
  subscription = google_pubsub_subscription.this[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent

  depends_on = [google_project_service_identity.this]
}

resource "google_pubsub_subscription_iam_member" "pull_workers" {
  for_each = local.pulls

  project      = var.project_id
  subscription = google_pubsub_subscription.this["${var.name}-${each.key}"].name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${each.value.service_account}"

  depends_on = [google_service_account.this]
}

resource "google_storage_bucket_iam_member" "users" {
  for_each = toset(local.users)

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${each.key}"

  depends_on = [google_service_account.this]
}

resource "google_storage_bucket_iam_member" "workers" {
  for_each = toset(local.worker_accounts)

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${each.key}"

  depends_on = [google_service_account.this]
}

resource "google_secret_manager_secret_iam_member" "readers" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${each.value.email}"

  depends_on = [google_project_service.this, google_service_account.this]
}
