# Topics and subscriptions: one pair for each queue, one for the bucket's events, one for dead letters.

resource "google_pubsub_topic" "this" {
  for_each = toset(concat([for queue in keys(local.queues) : "${var.name}-${queue}"], ["${var.name}-events", "${var.name}-dead-letters"]))

  project = var.project_id
  name    = each.key

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "this" {
  for_each = local.subscriptions

  project                    = var.project_id
  name                       = each.key
  topic                      = google_pubsub_topic.this[each.key].id
  ack_deadline_seconds       = each.value.ack_deadline
  message_retention_duration = each.value.retention
  filter                     = each.value.filter

  expiration_policy {
    ttl = ""
  }

  # The functions framework reads the topic of an event from the path.
  dynamic "push_config" {
    for_each = each.value.function == null ? [] : ["https://${each.value.function}-${local.url_end}"]
    content {
      push_endpoint = "${push_config.value}/projects/${var.project_id}/topics/${each.key}"
      oidc_token {
        service_account_email = local.emails["push"]
        audience              = push_config.value
      }
    }
  }
  dynamic "retry_policy" {
    for_each = each.value.dead_letters ? ["1s"] : []
    content {
      minimum_backoff = retry_policy.value
      maximum_backoff = "60s"
    }
  }
  dynamic "dead_letter_policy" {
    for_each = each.value.dead_letters ? [google_pubsub_topic.this["${var.name}-dead-letters"].id] : []
    content {
      dead_letter_topic     = dead_letter_policy.value
      max_delivery_attempts = 20
    }
  }

  depends_on = [module.receivers]
}
