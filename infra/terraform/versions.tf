terraform {
  required_version = ">= 1.9.0, < 2.0.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 8.2.0, < 9.0.0"
    }
    # Only for google_project_service_identity, which the google provider does not have.
    google-beta = {
      source  = "hashicorp/google-beta"
      version = ">= 8.2.0, < 9.0.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4.0, < 3.0.0"
    }
  }
}
