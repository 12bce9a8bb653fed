# The functions, from staged sources, and the clock. Who is called comes before who calls, so that while a change rolls
# out the old tick finds new workers that understand it.

data "archive_file" "source" {
  for_each = merge(local.receivers, local.faces)

  type        = "zip"
  source_dir  = "${var.sources}/${var.name}-${each.key}"
  output_path = "${path.root}/.terraform/${var.name}-${each.key}.zip"
}

# Under bundles/, which nothing deletes by age and no event is sent for.
resource "google_storage_bucket_object" "source" {
  for_each = merge(local.receivers, local.faces)

  bucket = google_storage_bucket.this.name
  name   = "bundles/functions/${var.name}-${each.key}-${data.archive_file.source[each.key].output_sha256}.zip"
  source = data.archive_file.source[each.key].output_path
}

module "receivers" {
  source   = "./function"
  for_each = local.receivers

  project_id    = var.project_id
  region        = var.region
  name          = "${var.name}-${each.key}"
  runtime       = var.runtime
  settings      = each.value
  build_account = local.emails["build"]
  source_bucket = google_storage_bucket.this.name
  source_object = google_storage_bucket_object.source[each.key].name
  invokers      = ["serviceAccount:${local.emails["push"]}"]

  depends_on = [
    google_cloud_run_v2_job_iam_member.starter,
    google_project_iam_member.build,
    google_project_iam_member.firestore,
    google_pubsub_topic_iam_member.publishers,
    google_secret_manager_secret_iam_member.readers,
    google_storage_bucket_iam_member.workers,
  ]
}

module "faces" {
  source   = "./function"
  for_each = local.faces

  project_id    = var.project_id
  region        = var.region
  name          = "${var.name}-${each.key}"
  runtime       = var.runtime
  settings      = each.value
  build_account = local.emails["build"]
  source_bucket = google_storage_bucket.this.name
  source_object = google_storage_bucket_object.source[each.key].name
  invokers      = each.key == "tick" ? ["serviceAccount:${local.emails["scheduler"]}"] : var.web.access == "iap" ? [local.iap_agent] : var.web.members

  depends_on = [
    google_project_service_identity.this,
    google_pubsub_subscription.this,
    google_pubsub_subscription_iam_member.agent,
    google_storage_bucket_iam_member.users,
  ]
}

# Identity-Aware Proxy before the web function. The resource of the function has no such setting, so gcloud sets it on
# the Cloud Run service behind it, again after each change of the function.
resource "terraform_data" "iap" {
  count = var.web.access == "iap" ? 1 : 0

  triggers_replace = [local.faces["web"], google_storage_bucket_object.source["web"].name]

  provisioner "local-exec" {
    command = "gcloud beta run services update ${var.name}-web --iap --project=${var.project_id} --region=${var.region} --quiet"
  }

  depends_on = [module.faces]
}

resource "google_iap_web_cloud_run_service_iam_member" "members" {
  for_each = toset(var.web.access == "iap" ? var.web.members : [])

  project                = var.project_id
  location               = var.region
  cloud_run_service_name = "${var.name}-web"
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.key

  depends_on = [terraform_data.iap]
}

# A call that fails is not repeated: the next one comes within a minute.
resource "google_cloud_scheduler_job" "tick" {
  project          = var.project_id
  region           = var.region
  name             = "${var.name}-tick"
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "180s"

  retry_config {
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = "https://${var.name}-tick-${local.url_end}"
    oidc_token {
      service_account_email = local.emails["scheduler"]
      audience              = "https://${var.name}-tick-${local.url_end}"
    }
  }

  depends_on = [module.faces]
}
