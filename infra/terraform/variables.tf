# What sailplane.toml says, as variables of the same names and defaults.

variable "project_id" {
  description = "The project that everything is made in."
  type        = string
}

variable "region" {
  description = "Region of the functions, jobs, bucket and clock, such as europe-west1."
  type        = string
}

variable "sources" {
  description = "Folder with the staged sources of the functions: WORKSPACE/sources of `sailplane deploy --stage-only --workspace WORKSPACE`."
  type        = string
}

variable "runtime" {
  description = "Python runtime of the functions: that of the Python which staged the sources."
  type        = string
  default     = "python313"

  validation {
    condition     = can(regex("^python3(11|12|13|14)$", var.runtime))
    error_message = "runtime must be python311, python312, python313 or python314."
  }
}

variable "name" {
  description = "Begins the name of everything that belongs to the deployment."
  type        = string
  default     = "sailplane"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]*[a-z0-9])?$", var.name)) && length(var.name) <= 16
    error_message = "name must be lower-case letters, digits and dashes, begin with a letter, and have at most 16 characters (service accounts are named after it)."
  }
}

variable "bucket" {
  description = "Bucket for logs, large XComs and DAG bundles. Null: PROJECT-sailplane."
  type        = string
  default     = null
}

variable "database" {
  description = "Firestore database."
  type        = string
  default     = "(default)"

  validation {
    condition     = var.database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.database))
    error_message = "database must be (default), or 4 to 63 lower-case letters, digits and dashes."
  }
}

variable "location" {
  description = "Location of Firestore, such as eur3. Null: the region."
  type        = string
  default     = null
}

variable "point_in_time_recovery" {
  description = "Whether Firestore keeps every version of the last 7 days."
  type        = bool
  default     = false
}

variable "delete_protection" {
  description = "Whether Firestore refuses to delete the database."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "After how many days logs are deleted. 0: never."
  type        = number
  default     = 30

  validation {
    condition     = var.log_retention_days >= 0
    error_message = "log_retention_days must be 0 or more."
  }
}

variable "xcom_retention_days" {
  description = "After how many days XComs that are too large for Firestore are deleted. 0: never."
  type        = number
  default     = 30

  validation {
    condition     = var.xcom_retention_days >= 0
    error_message = "xcom_retention_days must be 0 or more."
  }
}

variable "soft_delete_days" {
  description = "How many days deleted objects can be brought back, 7 to 90. 0: not at all, as they would be paid for."
  type        = number
  default     = 0

  validation {
    condition     = var.soft_delete_days == 0 || (var.soft_delete_days >= 7 && var.soft_delete_days <= 90)
    error_message = "soft_delete_days must be 0 or between 7 and 90 (a rule of Cloud Storage)."
  }
}

variable "alerts" {
  description = "Whether to make the alert policies: late tick, dead letters, failed runs."
  type        = bool
  default     = true
}

variable "notification_channels" {
  description = "Who hears of alerts: names of notification channels, projects/PROJECT/notificationChannels/ID."
  type        = list(string)
  default     = []
}

variable "dashboard" {
  description = "Whether to make the dashboard."
  type        = bool
  default     = false
}

variable "functions" {
  description = <<-EOT
    Settings of the functions: memory, cpu, concurrency (requests that one instance serves at once), timeout (seconds),
    min_instances, max_instances, env, secrets (variable -> "SECRET:VERSION"), vpc_connector, and ingress (all,
    internal-only, internal-and-gclb). Those of `worker` hold for the functions of all queues that do not say otherwise.
  EOT
  type = object({
    tick = optional(object({
      memory        = optional(string, "512Mi")
      cpu           = optional(number, 1)
      concurrency   = optional(number, 2)
      timeout       = optional(number, 120)
      min_instances = optional(number, 0)
      max_instances = optional(number, 1)
      env           = optional(map(string), {})
      secrets       = optional(map(string), {})
      vpc_connector = optional(string)
      ingress       = optional(string, "all")
    }), {})
    worker = optional(object({
      memory        = optional(string, "1Gi")
      cpu           = optional(number, 1)
      concurrency   = optional(number, 8)
      timeout       = optional(number, 540)
      min_instances = optional(number, 0)
      max_instances = optional(number, 100)
      env           = optional(map(string), {})
      secrets       = optional(map(string), {})
      vpc_connector = optional(string)
      ingress       = optional(string, "all")
    }), {})
    events = optional(object({
      memory        = optional(string, "512Mi")
      cpu           = optional(number, 1)
      concurrency   = optional(number, 16)
      timeout       = optional(number, 60)
      min_instances = optional(number, 0)
      max_instances = optional(number, 10)
      env           = optional(map(string), {})
      secrets       = optional(map(string), {})
      vpc_connector = optional(string)
      ingress       = optional(string, "all")
    }), {})
    web = optional(object({
      memory        = optional(string, "512Mi")
      cpu           = optional(number, 1)
      concurrency   = optional(number, 16)
      timeout       = optional(number, 60)
      min_instances = optional(number, 0)
      max_instances = optional(number, 5)
      env           = optional(map(string), {})
      secrets       = optional(map(string), {})
      vpc_connector = optional(string)
      ingress       = optional(string, "all")
    }), {})
  })
  default = {}

  validation {
    condition     = alltrue([for one in values(var.functions) : can(regex("^[1-9][0-9]*(Mi|Gi)$", one.memory))])
    error_message = "memory must be like 512Mi or 2Gi."
  }
  validation {
    condition     = alltrue([for one in values(var.functions) : one.concurrency == 1 || one.cpu >= 1])
    error_message = "cpu must be 1 or more for a concurrency above 1 (a rule of Cloud Run)."
  }
  validation {
    condition     = alltrue([for one in values(var.functions) : one.min_instances <= one.max_instances])
    error_message = "min_instances must not be above max_instances."
  }
  validation {
    condition     = alltrue([for one in values(var.functions) : contains(["all", "internal-only", "internal-and-gclb"], one.ingress)])
    error_message = "ingress must be all, internal-only or internal-and-gclb."
  }
  validation {
    condition     = alltrue([for one in [var.functions.worker, var.functions.events] : one.timeout >= 1 && one.timeout <= 600])
    error_message = "timeout of worker and events must be at most 600 seconds: Pub/Sub waits no longer for an answer."
  }
  validation {
    condition     = alltrue([for one in [var.functions.tick, var.functions.web] : one.timeout >= 1 && one.timeout <= 3600])
    error_message = "timeout must be at most 3600 seconds."
  }
  validation {
    condition     = alltrue(flatten([for one in values(var.functions) : [for secret in values(one.secrets) : can(regex("^[A-Za-z0-9_-]+:(latest|[1-9][0-9]*)$", secret))]]))
    error_message = "secrets must be like name-of-secret:latest or name-of-secret:3."
  }
}

variable "web" {
  description = "How people reach API and pages: access is id-token (Cloud Run asks for a Google ID token) or iap (Identity-Aware Proxy asks them to sign in); members are IAM members such as user:ada@example.org."
  type = object({
    access  = optional(string, "id-token")
    members = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = contains(["id-token", "iap"], var.web.access)
    error_message = "web.access must be id-token or iap."
  }
  validation {
    condition     = alltrue([for member in var.web.members : can(regex(":", member))])
    error_message = "web.members must be IAM members with their kind, such as user:ada@example.org or group:data@example.org."
  }
}

variable "queues" {
  description = <<-EOT
    Queues by name; `default` is there always. kind: function (Pub/Sub calls a function), job (each task instance is an
    execution of a Cloud Run job), pull (`sailplane worker` takes tasks where the team runs it). image: what a job runs;
    null: REGION-docker.pkg.dev/PROJECT/NAME/NAME-QUEUE:latest, in a repository that the module makes. gpu: such as
    nvidia-l4 (kind job). service_account: whom tasks run as; null: NAME-worker. secrets: variable -> "SECRET:VERSION".
    What is null comes from `functions.worker`; timeout of jobs and pull workers is a day.
  EOT
  type = map(object({
    kind            = optional(string, "function")
    image           = optional(string)
    memory          = optional(string)
    cpu             = optional(number)
    gpu             = optional(string)
    timeout         = optional(number)
    service_account = optional(string)
    secrets         = optional(map(string), {})
    env             = optional(map(string), {})
    concurrency     = optional(number)
    min_instances   = optional(number)
    max_instances   = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for queue in keys(var.queues) : can(regex("^[a-z]([a-z0-9-]*[a-z0-9])?$", queue)) && !contains(["events", "dead-letters", "tick", "worker", "web"], queue)])
    error_message = "Names of queues must be lower-case letters, digits and dashes and begin with a letter; events, dead-letters, tick, worker and web are taken."
  }
  validation {
    condition     = alltrue([for queue in keys(var.queues) : length("${var.name}-worker-${queue}") <= 49])
    error_message = "NAME-worker-QUEUE must have at most 49 characters (a rule of Cloud Run)."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : contains(["function", "job", "pull"], queue.kind)])
    error_message = "kind must be function, job or pull."
  }
  validation {
    condition     = try(var.queues["default"].kind, "function") == "function"
    error_message = "The default queue is served by the worker function, which also answers alarms: its kind must be function."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.memory == null || can(regex("^[1-9][0-9]*(Mi|Gi)$", queue.memory))])
    error_message = "memory must be like 512Mi or 2Gi."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.kind != "function" || try(coalesce(queue.concurrency), var.functions.worker.concurrency) == 1 || try(coalesce(queue.cpu), var.functions.worker.cpu) >= 1])
    error_message = "cpu must be 1 or more for a concurrency above 1 (a rule of Cloud Run)."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.kind == "function" || (queue.min_instances == null && queue.max_instances == null)])
    error_message = "min_instances and max_instances are for queues of kind function."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.kind != "job" || queue.concurrency == null])
    error_message = "concurrency is for queues of kind function and pull: a job runs one task instance."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.service_account == null || can(regex("@", queue.service_account))])
    error_message = "service_account must be the email address of a service account."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.gpu == null || queue.kind == "job"])
    error_message = "gpu is for queues of kind job."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.image == null || queue.kind != "function"])
    error_message = "image is for queues of kind job and pull."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.timeout == null || try(queue.timeout <= (queue.kind == "function" ? 600 : 604800), false)])
    error_message = "timeout must be at most 600 seconds for kind function, and 7 days for job and pull; longer tasks belong on a queue of kind job or pull."
  }
  validation {
    condition     = alltrue(flatten([for queue in values(var.queues) : [for secret in values(queue.secrets) : can(regex("^[A-Za-z0-9_-]+:(latest|[1-9][0-9]*)$", secret))]]))
    error_message = "secrets must be like name-of-secret:latest or name-of-secret:3."
  }
}
