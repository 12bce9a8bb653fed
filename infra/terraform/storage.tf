# Where state, logs and bundles lie: the Firestore database and the bucket.

locals {
  # The one source of indexes, for `sailplane deploy`, this module and the local cloud.
  indexes = jsondecode(file("${path.module}/../firestore.indexes.json"))

  # A database that stays keeps its indexes: without their exemptions every field of every document would be indexed.
  deletion_policy = var.delete_protection ? "ABANDON" : "DELETE"
}

resource "google_firestore_database" "this" {
  project                           = var.project_id
  name                              = var.database
  location_id                       = local.location
  type                              = "FIRESTORE_NATIVE"
  delete_protection_state           = var.delete_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  point_in_time_recovery_enablement = var.point_in_time_recovery ? "POINT_IN_TIME_RECOVERY_ENABLED" : "POINT_IN_TIME_RECOVERY_DISABLED"
  deletion_policy                   = local.deletion_policy

  depends_on = [google_project_service.this]
}

resource "google_firestore_index" "this" {
  for_each = {
    for index in local.indexes.indexes :
    join(" ", concat([index.collectionGroup, try(index.queryScope, "COLLECTION")], [for field in index.fields : field.fieldPath])) => index
  }

  project         = var.project_id
  database        = google_firestore_database.this.name
  collection      = each.value.collectionGroup
  query_scope     = try(each.value.queryScope, "COLLECTION")
  deletion_policy = local.deletion_policy

  dynamic "fields" {
    for_each = each.value.fields
    content {
      field_path   = fields.value.fieldPath
      order        = try(fields.value.order, null)
      array_config = try(fields.value.arrayConfig, null)
    }
  }
}

# Which fields of a collection group are indexed. `*` stands for those that have no entry of their own.
resource "google_firestore_field" "indexed" {
  for_each = { for override in local.indexes.fieldOverrides : "${override.collectionGroup}.${override.fieldPath}" => override }

  project         = var.project_id
  database        = google_firestore_database.this.name
  collection      = each.value.collectionGroup
  field           = each.value.fieldPath
  deletion_policy = local.deletion_policy

  index_config {
    dynamic "indexes" {
      for_each = each.value.indexes
      content {
        order        = try(indexes.value.order, null)
        array_config = try(indexes.value.arrayConfig, null)
        query_scope  = try(indexes.value.queryScope, "COLLECTION")
      }
    }
  }
}

# A document goes when the time in its field `expire_at` has come; one without the field stays.
resource "google_firestore_field" "expires" {
  for_each = toset(["limits", "runs", "tasks", "tries", "task_state"])

  project         = var.project_id
  database        = google_firestore_database.this.name
  collection      = each.key
  field           = "expire_at"
  deletion_policy = local.deletion_policy

  ttl_config {}

  depends_on = [google_firestore_field.indexed]
}

resource "google_storage_bucket" "this" {
  project                     = var.project_id
  name                        = local.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = var.soft_delete_days * 86400
  }

  # Bundles stay: runs of long ago may be run again.
  dynamic "lifecycle_rule" {
    for_each = { for prefix, days in { "logs/" = var.log_retention_days, "xcoms/" = var.xcom_retention_days } : prefix => days if days > 0 }
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = lifecycle_rule.value
        matches_prefix = [lifecycle_rule.key]
      }
    }
  }
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }
    condition {
      age = 1
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_storage_notification" "events" {
  bucket         = google_storage_bucket.this.name
  topic          = google_pubsub_topic.this["${var.name}-events"].id
  event_types    = ["OBJECT_FINALIZE"]
  payload_format = "JSON_API_V1"

  depends_on = [google_pubsub_topic_iam_member.storage_agent]
}
