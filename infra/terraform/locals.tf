# What follows from the variables: names, and one entry for each queue, function and subscription.

locals {
  roles    = ["tick", "worker", "events", "web", "push", "scheduler", "build"]
  emails   = { for role in local.roles : role => "${var.name}-${role}@${var.project_id}.iam.gserviceaccount.com" }
  bucket   = coalesce(var.bucket, "${var.project_id}-sailplane")
  location = coalesce(var.location, var.region)

  # Known before a function is there, so that what calls it can be made in any order.
  url_end = "${data.google_project.this.number}.${var.region}.run.app"

  environment = {
    GOOGLE_CLOUD_PROJECT   = var.project_id
    SAILPLANE_BUCKET       = local.bucket
    SAILPLANE_DATABASE     = var.database
    SAILPLANE_REGION       = var.region
    SAILPLANE_TOPIC_PREFIX = var.name
  }

  queues = {
    for queue in setunion(["default"], keys(var.queues)) : queue => {
      kind            = try(var.queues[queue].kind, "function")
      image           = try(coalesce(var.queues[queue].image), "${var.region}-docker.pkg.dev/${var.project_id}/${var.name}/${var.name}-${queue}:latest")
      own_image       = try(coalesce(var.queues[queue].image), "") != ""
      memory          = try(coalesce(var.queues[queue].memory), var.functions.worker.memory)
      cpu             = try(coalesce(var.queues[queue].cpu), var.functions.worker.cpu)
      gpu             = try(var.queues[queue].gpu, null)
      timeout         = try(coalesce(var.queues[queue].timeout), try(var.queues[queue].kind, "function") == "function" ? var.functions.worker.timeout : 86400)
      service_account = try(coalesce(var.queues[queue].service_account), local.emails["worker"])
      secrets         = try(var.queues[queue].secrets, {})
      env             = try(var.queues[queue].env, {})
      concurrency     = try(coalesce(var.queues[queue].concurrency), var.functions.worker.concurrency)
      min_instances   = try(coalesce(var.queues[queue].min_instances), var.functions.worker.min_instances)
      max_instances   = try(coalesce(var.queues[queue].max_instances), var.functions.worker.max_instances)
    }
  }
  jobs  = { for queue, it in local.queues : queue => it if it.kind == "job" }
  pulls = { for queue, it in local.queues : queue => it if it.kind == "pull" }

  # Which function each queue's messages go to. Jobs are started by the deployment's worker.
  workers = {
    for queue, it in local.queues : queue => queue == "default" || it.kind == "job" ? "worker" : "worker-${queue}"
    if it.kind != "pull"
  }

  # The functions that Pub/Sub calls.
  receivers = merge(
    {
      for queue, it in local.queues : local.workers[queue] => {
        entry_point     = "worker"
        service_account = it.service_account
        memory          = it.memory
        cpu             = it.cpu
        concurrency     = it.concurrency
        timeout         = it.timeout
        min_instances   = it.min_instances
        max_instances   = it.max_instances
        vpc_connector   = var.functions.worker.vpc_connector
        ingress         = var.functions.worker.ingress
        secrets         = merge(var.functions.worker.secrets, it.secrets)
        env = merge(
          local.environment,
          {
            SAILPLANE_QUEUE              = queue
            SAILPLANE_WORKER_CONCURRENCY = tostring(it.concurrency)
            SAILPLANE_REQUEST_LIMIT      = tostring(it.timeout)
            SAILPLANE_CPU                = tostring(it.cpu)
            SAILPLANE_MEMORY             = it.memory
            THREADS                      = tostring(it.concurrency)
          },
          var.functions.worker.env,
          it.env,
        )
      }
      if it.kind == "function"
    },
    {
      events = merge(var.functions.events, {
        entry_point     = "events"
        service_account = local.emails["events"]
        env             = merge(local.environment, { THREADS = tostring(var.functions.events.concurrency) }, var.functions.events.env)
      })
    },
  )

  # The functions that people and the clock call, and that publish.
  faces = {
    web = merge(var.functions.web, {
      entry_point     = "web"
      service_account = local.emails["web"]
      env             = merge(local.environment, { SAILPLANE_AUTH = var.web.access, THREADS = tostring(var.functions.web.concurrency) }, var.functions.web.env)
    })
    tick = merge(var.functions.tick, {
      entry_point     = "tick"
      service_account = local.emails["tick"]
      env             = merge(local.environment, { THREADS = tostring(var.functions.tick.concurrency) }, var.functions.tick.env)
    })
  }

  subscriptions = merge(
    {
      for queue, it in local.queues : "${var.name}-${queue}" => {
        function     = it.kind == "pull" ? null : "${var.name}-${local.workers[queue]}"
        dead_letters = true
        filter       = null
        ack_deadline = 600
        retention    = null
      }
    },
    {
      "${var.name}-events" = {
        function     = "${var.name}-events"
        dead_letters = true
        filter       = join(" AND ", [for prefix in ["logs/", "bundles/", "xcoms/", "versions/"] : "NOT hasPrefix(attributes.objectId, \"${prefix}\")"])
        ack_deadline = 600
        retention    = null
      }
      "${var.name}-dead-letters" = {
        function     = null
        dead_letters = false
        filter       = null
        ack_deadline = 60
        retention    = "2678400s"
      }
    },
  )
}
