# The project: which APIs are on, and the accounts by which Google's services act in it.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  apis = concat(
    [
      "artifactregistry", "cloudbuild", "cloudfunctions", "cloudscheduler", "firestore", "iam", "logging", "monitoring",
      "pubsub", "run", "storage",
    ],
    length(local.secret_readers) > 0 ? ["secretmanager"] : [],
    var.web.access == "iap" ? ["iap"] : [],
  )
  pubsub_agent  = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  storage_agent = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
  iap_agent     = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-iap.iam.gserviceaccount.com"
}

resource "google_project_service" "this" {
  for_each = toset([for api in local.apis : "${api}.googleapis.com"])

  project            = var.project_id
  service            = each.key
  disable_on_destroy = false
}

# Agents are made with their first use only, and bindings need them before.
resource "google_project_service_identity" "this" {
  for_each = toset(concat(["pubsub.googleapis.com"], var.web.access == "iap" ? ["iap.googleapis.com"] : []))
  provider = google-beta

  project = var.project_id
  service = each.key

  depends_on = [google_project_service.this]
}

# Asking for it makes it.
data "google_storage_project_service_account" "this" {
  project = var.project_id
}
