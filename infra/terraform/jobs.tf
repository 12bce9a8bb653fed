# The Cloud Run jobs of queues of kind job: each task instance is an execution of its own.

# For the images that the team builds; queues with an image of their own need none.
resource "google_artifact_registry_repository" "this" {
  count = length([for it in values(local.jobs) : it if !it.own_image]) > 0 ? 1 : 0

  project       = var.project_id
  location      = var.region
  repository_id = var.name
  format        = "DOCKER"

  depends_on = [google_project_service.this]
}

resource "google_cloud_run_v2_job" "this" {
  for_each = local.jobs

  project             = var.project_id
  location            = var.region
  name                = "${var.name}-${each.key}"
  deletion_protection = false

  template {
    template {
      service_account               = each.value.service_account
      timeout                       = "${each.value.timeout}s"
      max_retries                   = 0
      gpu_zonal_redundancy_disabled = each.value.gpu == null ? null : true

      containers {
        image   = each.value.image
        command = ["sailplane", "run-task"]

        resources {
          limits = merge(
            { cpu = tostring(each.value.cpu), memory = each.value.memory },
            each.value.gpu == null ? {} : { "nvidia.com/gpu" = "1" },
          )
        }

        dynamic "env" {
          for_each = merge(
            local.environment,
            {
              SAILPLANE_QUEUE         = each.key
              SAILPLANE_REQUEST_LIMIT = tostring(each.value.timeout)
              SAILPLANE_CPU           = tostring(each.value.cpu)
              SAILPLANE_MEMORY        = each.value.memory
            },
            each.value.env,
          )
          content {
            name  = env.key
            value = env.value
          }
        }
        dynamic "env" {
          for_each = each.value.secrets
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = split(":", env.value)[0]
                version = split(":", env.value)[1]
              }
            }
          }
        }
      }

      dynamic "node_selector" {
        for_each = each.value.gpu == null ? [] : [each.value.gpu]
        content {
          accelerator = node_selector.value
        }
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository.this,
    google_project_iam_member.firestore,
    google_secret_manager_secret_iam_member.readers,
  ]
}

# The worker function, that of the default queue, starts the executions.
resource "google_cloud_run_v2_job_iam_member" "starter" {
  for_each = local.jobs

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_job.this[each.key].name
  role     = "roles/run.jobsExecutorWithOverrides"
  member   = "serviceAccount:${local.queues["default"].service_account}"
}
