"""Tasks that wait for a person: no process runs and nothing is asked of the store until somebody has answered."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn
from urllib.parse import urlencode, urlsplit, urlunsplit

from sailplane.authoring.exceptions import (
    DownstreamTasksSkipped,
    HITLRejectException,
    HITLTimeoutError,
    HITLTriggerEventError,
    TaskAwaitingInput,
)
from sailplane.authoring.human_steps import HITLUser, form, people, upsert_hitl_detail
from sailplane.authoring.notifier import BaseNotifier
from sailplane.authoring.operator import BaseOperator
from sailplane.authoring.params import ParamsDict
from sailplane.compat.airflow.warnings import AirflowProviderDeprecationWarning
from sailplane.model.human_steps import TIMEOUT
from sailplane.operators.branch import BranchMixIn, SkipMixin


class HITLOperator(BaseOperator):
    """Asks a person to choose one of `options`, several with `multiple`, and to fill in the form that `params` are.

    `notifiers` are called when it begins to wait. Nobody but `assigned_users` may answer, if there are any. Once
    `response_timeout` is over, `defaults` count as chosen; without them the task fails. Its result has
    `chosen_options`, `params_input`, `responded_at` and `responded_by_user`.
    """

    template_fields: Sequence[str] = ("subject", "body")

    def __init__(
        self,
        *,
        subject: str,
        options: Sequence[str],
        body: str | None = None,
        defaults: str | Sequence[str] | None = None,
        multiple: bool = False,
        params: ParamsDict | Mapping[str, Any] | None = None,
        notifiers: Sequence[BaseNotifier] | BaseNotifier | None = None,
        assigned_users: HITLUser | Sequence[HITLUser] | None = None,
        response_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.response_timeout = self._timeout(response_timeout)
        self.subject = subject
        self.body = body
        self.options = list(options)
        self.defaults = [defaults] if isinstance(defaults, str) else None if defaults is None else list(defaults)
        self.multiple = multiple
        # Of the task alone: a DAG's params are no questions.
        self.params = ParamsDict(params)
        self.notifiers = [notifiers] if isinstance(notifiers, BaseNotifier) else list(notifiers or ())
        self.assigned_users = [assigned_users] if isinstance(assigned_users, dict) else assigned_users
        people(self.assigned_users)
        self.validate_options()
        self.validate_params()
        self.validate_defaults()
        self.hitl_summary_extra: dict[str, Any] = {}

    def _timeout(self, response_timeout: timedelta | None) -> timedelta | None:
        if self.execution_timeout is None or response_timeout is not None:
            return response_timeout
        warnings.warn(
            f"task {self.task_id!r}: execution_timeout limits the time that a task runs; how long it waits for an "
            "answer is response_timeout",
            AirflowProviderDeprecationWarning,
            stacklevel=2,
        )
        limit, self.execution_timeout = self.execution_timeout, None
        return limit

    @property
    def hitl_summary(self) -> dict[str, Any]:
        """The question, and what is known of its answer."""
        return {
            "subject": self.subject,
            "body": self.body,
            "options": self.options,
            "defaults": self.defaults,
            "multiple": self.multiple,
            "assigned_users": self.assigned_users,
            "serialized_params": self.serialized_params or None,
            **self.hitl_summary_extra,
        }

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The form's fields."""
        return form(self.params)

    def validate_options(self) -> None:
        if not self.options:
            raise ValueError('"options" cannot be empty.')

    def validate_params(self) -> None:
        if "_options" in self.params:
            raise ValueError('"_options" is not allowed in params')

    def validate_defaults(self) -> None:
        if self.defaults is None:
            return
        if not set(self.defaults) <= set(self.options):
            raise ValueError(f'defaults "{self.defaults}" should be a subset of options "{self.options}"')
        if not self.multiple and len(self.defaults) > 1:
            raise ValueError('More than one defaults given when "multiple" is set to False.')

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, and wait."""
        upsert_hitl_detail(
            options=self.options,
            subject=self.subject,
            body=self.body,
            defaults=self.defaults,
            multiple=self.multiple,
            params=self.serialized_params,
            assigned_users=self.assigned_users,
        )
        ends_at = datetime.now(UTC) + self.response_timeout if self.response_timeout else None
        self.hitl_summary_extra["timeout_datetime"] = ends_at.isoformat() if ends_at else None
        self.log.info("Waiting for response")
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(method_name="execute_complete", timeout=self.response_timeout)

    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        """Go on with what was answered."""
        if "error" in event:
            self.hitl_summary_extra["error_type"] = event["error_type"]
            self.process_trigger_event_error(event)
        chosen, entered = event["chosen_options"], event["params_input"] or {}
        self.validate_chosen_options(chosen)
        self.validate_params_input(entered)
        answer = {
            "chosen_options": chosen,
            "params_input": entered,
            "responded_at": event["responded_at"],
            "responded_by_user": event["responded_by_user"],
        }
        self.hitl_summary_extra |= {**answer, "responded_at": event["responded_at"].isoformat()}
        return answer

    def process_trigger_event_error(self, event: dict[str, Any]) -> NoReturn:
        raise (HITLTimeoutError if event["error_type"] == TIMEOUT else HITLTriggerEventError)(event["error"])

    def validate_chosen_options(self, chosen_options: Sequence[str]) -> None:
        if wrong := set(chosen_options) - set(self.options):
            raise ValueError(f"Responses {wrong} not in {self.options}")

    def validate_params_input(self, params_input: Mapping[str, Any]) -> None:
        """Raise `ValueError`, of which `ParamValidationError` is one, unless the form is filled in as it asks."""
        if self.params and params_input and set(self.params) ^ set(params_input):
            raise ValueError(f"params_input {params_input} does not match params {self.params}")
        self.params = ParamsDict(self.params)  # The DAG's own keep their defaults: this process may ask again.
        for name, value in params_input.items():
            self.params[name] = value

    def generate_link_to_ui(
        self,
        *,
        task_instance: Any,
        base_url: str | None = None,
        options: str | Sequence[str] | None = None,
        params_input: Mapping[str, Any] | None = None,
    ) -> str:
        """The address under `base_url` where it is answered, with these options and entries filled in.

        Raises `ValueError` for an option or entry that there is not, and without `base_url`.
        """
        chosen = [options] if isinstance(options, str) else list(options or ())
        if wrong := set(chosen) - set(self.options):
            raise ValueError(f"options {wrong} are not valid options")
        if unknown := set(params_input or ()) - set(self.params):
            raise ValueError(f"params {unknown} are not valid params")
        if not base_url:
            raise ValueError("Not able to retrieve base_url: give the address of the web function as base_url")
        query = {**({"_options": chosen} if chosen else {}), **(params_input or {})}
        base = urlsplit(base_url)
        ti = task_instance
        path = f"/dags/{ti.dag_id}/runs/{ti.run_id}/tasks/{ti.task_id}/required_actions"
        return urlunsplit((base.scheme, base.netloc, path, urlencode({**query, "map_index": ti.map_index}), ""))

    @staticmethod
    def generate_link_to_ui_from_context(
        *,
        context: Mapping[str, Any],
        base_url: str | None = None,
        options: Sequence[str] | None = None,
        params_input: Mapping[str, Any] | None = None,
    ) -> str:
        """The same for the task of `context`: for notifiers."""
        task = context["task"]
        if not isinstance(task, HITLOperator):
            raise ValueError("This method only supports HITLOperator")
        return task.generate_link_to_ui(
            task_instance=context["task_instance"], base_url=base_url, options=options, params_input=params_input
        )


class ApprovalOperator(SkipMixin, HITLOperator):
    """Asks for approval: refused, the tasks downstream are skipped, or with `fail_on_reject` this one fails.

    The direct ones are skipped, and the others follow by their trigger rules; all of them, except teardowns, with
    `ignore_downstream_trigger_rules`.
    """

    APPROVE: ClassVar[str] = "Approve"
    REJECT: ClassVar[str] = "Reject"
    FIXED_ARGS: ClassVar[Sequence[str]] = ("options", "multiple")

    def __init__(
        self, *, ignore_downstream_trigger_rules: bool = False, fail_on_reject: bool = False, **kwargs: Any
    ) -> None:
        for name in self.FIXED_ARGS:
            if name in kwargs:
                raise ValueError(f"Passing {name} to ApprovalOperator is not allowed.")
        super().__init__(options=[self.APPROVE, self.REJECT], multiple=False, **kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject
        self.hitl_summary_extra |= {
            "ignore_downstream_trigger_rules": ignore_downstream_trigger_rules,
            "fail_on_reject": fail_on_reject,
        }

    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        answer = super().execute_complete(context, event)
        is_approved = answer["chosen_options"][0] == self.APPROVE
        self.hitl_summary_extra["approved"] = is_approved
        if is_approved:
            self.log.info("Approved. Proceeding with downstream tasks...")
            return answer
        if self.fail_on_reject:
            raise HITLRejectException('Receive "Reject"')
        far = self.ignore_downstream_trigger_rules
        below = sorted(self.get_flat_relative_ids() if far else self.downstream_task_ids)
        skipped = [task_id for task_id in below if not self.dag.get_task(task_id).is_teardown]
        if not skipped:
            return answer
        self.log.info("Skipping downstream tasks")
        raise DownstreamTasksSkipped(tasks=skipped, value=answer)


class HITLBranchOperator(BranchMixIn, HITLOperator):
    """Asks which of the tasks downstream to go on with: options are their ids, or names for these.

    `options_mapping` has the task or group of each option that is no id itself.
    """

    def __init__(self, *, options_mapping: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = dict(options_mapping or {})
        self.validate_options_mapping()
        self.hitl_summary_extra["options_mapping"] = self.options_mapping

    def validate_options_mapping(self) -> None:
        if wrong := set(self.options_mapping) - set(self.options):
            raise ValueError(f"`options_mapping` contains keys that are not in `options`: {sorted(wrong)}")
        invalid = {k: (v, type(v).__name__) for k, v in self.options_mapping.items() if not isinstance(v, str)}
        if invalid:
            raise ValueError(f"`options_mapping` values must be strings (task_ids).\nInvalid entries: {invalid}")

    def execute_complete(self, context: Mapping[str, Any], event: dict[str, Any]) -> Any:
        answer = super().execute_complete(context, event)
        branches = [self.options_mapping.get(option, option) for option in answer["chosen_options"]]
        self.hitl_summary_extra["branches_to_execute"] = branches
        return self.do_branch(context, branches)


class HITLEntryOperator(HITLOperator):
    """Asks a person to fill in the form that `params` are, and to say OK."""

    OK: ClassVar[str] = "OK"

    def __init__(self, **kwargs: Any) -> None:
        if "options" not in kwargs:
            kwargs["options"] = [self.OK]
            kwargs.setdefault("defaults", [self.OK])
        super().__init__(**kwargs)
