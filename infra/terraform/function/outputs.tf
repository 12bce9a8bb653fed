output "name" {
  description = "Name of the function."
  value       = google_cloudfunctions2_function.this.name
}
