variable "project_id" {
  description = "The project of the function."
  type        = string
}

variable "region" {
  description = "The region of the function."
  type        = string
}

variable "name" {
  description = "Name of the function, and of the Cloud Run service behind it."
  type        = string
}

variable "runtime" {
  description = "Python runtime of the function, such as python313."
  type        = string
}

variable "settings" {
  description = "What the deployment decided about the function."
  type = object({
    entry_point     = string
    service_account = string
    memory          = string
    cpu             = number
    concurrency     = number
    timeout         = number
    min_instances   = number
    max_instances   = number
    vpc_connector   = string
    ingress         = string
    env             = map(string)
    secrets         = map(string)
  })
}

variable "build_account" {
  description = "Email of the service account that Cloud Build acts as."
  type        = string
}

variable "source_bucket" {
  description = "Bucket with the source."
  type        = string
}

variable "source_object" {
  description = "Zip archive of the source; another name is another revision."
  type        = string
}

variable "invokers" {
  description = "Members that may call the function."
  type        = list(string)
}
