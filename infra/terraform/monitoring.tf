# What watches the deployment, from the files that `sailplane deploy` uses too.

locals {
  watched  = { name = var.name, project = var.project_id, database = var.database }
  metric   = jsondecode(templatefile("${path.module}/../monitoring/runs-ended.metric.json", local.watched))
  policies = { for alert in ["late-tick", "dead-letters", "failed-runs"] : alert => jsondecode(templatefile("${path.module}/../monitoring/${alert}.policy.json", local.watched)) if var.alerts }
}

resource "google_logging_metric" "runs_ended" {
  project          = var.project_id
  name             = local.metric.name
  description      = local.metric.description
  filter           = local.metric.filter
  label_extractors = local.metric.labelExtractors

  metric_descriptor {
    metric_kind  = local.metric.metricDescriptor.metricKind
    value_type   = local.metric.metricDescriptor.valueType
    unit         = local.metric.metricDescriptor.unit
    display_name = local.metric.metricDescriptor.displayName

    dynamic "labels" {
      for_each = local.metric.metricDescriptor.labels
      content {
        key         = labels.value.key
        value_type  = labels.value.valueType
        description = labels.value.description
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.policies

  project               = var.project_id
  display_name          = each.value.displayName
  combiner              = each.value.combiner
  severity              = each.value.severity
  user_labels           = each.value.userLabels
  notification_channels = var.notification_channels

  documentation {
    mime_type = each.value.documentation.mimeType
    subject   = each.value.documentation.subject
    content   = each.value.documentation.content
  }

  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose
  }

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName

      dynamic "condition_absent" {
        for_each = try([conditions.value.conditionAbsent], [])
        content {
          filter   = condition_absent.value.filter
          duration = condition_absent.value.duration
          trigger {
            count = condition_absent.value.trigger.count
          }
          dynamic "aggregations" {
            for_each = condition_absent.value.aggregations
            content {
              alignment_period     = aggregations.value.alignmentPeriod
              per_series_aligner   = aggregations.value.perSeriesAligner
              cross_series_reducer = aggregations.value.crossSeriesReducer
              group_by_fields      = aggregations.value.groupByFields
            }
          }
        }
      }

      dynamic "condition_threshold" {
        for_each = try([conditions.value.conditionThreshold], [])
        content {
          filter          = condition_threshold.value.filter
          comparison      = condition_threshold.value.comparison
          threshold_value = condition_threshold.value.thresholdValue
          duration        = condition_threshold.value.duration
          trigger {
            count = condition_threshold.value.trigger.count
          }
          dynamic "aggregations" {
            for_each = condition_threshold.value.aggregations
            content {
              alignment_period     = aggregations.value.alignmentPeriod
              per_series_aligner   = aggregations.value.perSeriesAligner
              cross_series_reducer = aggregations.value.crossSeriesReducer
              group_by_fields      = aggregations.value.groupByFields
            }
          }
        }
      }
    }
  }

  # A policy may only name a metric that is there.
  depends_on = [google_logging_metric.runs_ended]
}

resource "google_monitoring_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  project        = var.project_id
  dashboard_json = templatefile("${path.module}/../monitoring/dashboard.json", local.watched)

  depends_on = [google_logging_metric.runs_ended]
}
