# One function without public access, and who may call it.

locals {
  ingress = {
    all               = "ALLOW_ALL"
    internal-only     = "ALLOW_INTERNAL_ONLY"
    internal-and-gclb = "ALLOW_INTERNAL_AND_GCLB"
  }
}

resource "google_cloudfunctions2_function" "this" {
  project  = var.project_id
  location = var.region
  name     = var.name

  build_config {
    runtime         = var.runtime
    entry_point     = var.settings.entry_point
    service_account = "projects/${var.project_id}/serviceAccounts/${var.build_account}"

    source {
      storage_source {
        bucket = var.source_bucket
        object = var.source_object
      }
    }
  }

  service_config {
    service_account_email            = var.settings.service_account
    available_memory                 = var.settings.memory
    available_cpu                    = tostring(var.settings.cpu)
    max_instance_request_concurrency = var.settings.concurrency
    timeout_seconds                  = var.settings.timeout
    min_instance_count               = var.settings.min_instances
    max_instance_count               = var.settings.max_instances
    ingress_settings                 = local.ingress[var.settings.ingress]
    vpc_connector                    = var.settings.vpc_connector
    environment_variables            = var.settings.env
    all_traffic_on_latest_revision   = true

    dynamic "secret_environment_variables" {
      for_each = var.settings.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = split(":", secret_environment_variables.value)[0]
        version    = split(":", secret_environment_variables.value)[1]
      }
    }
  }
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = toset(var.invokers)

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.key
}
