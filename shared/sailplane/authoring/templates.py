"""Jinja templates in the arguments of operators."""

import copy
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sailplane.authoring.lazy_value import unwrapped
from sailplane.authoring.xcom_arg import Resolvable
from sailplane.model.errors import TemplateError

if TYPE_CHECKING:
    import jinja2

    from sailplane.authoring.dag import DAG

_MARKS = ("{{", "{%", "{#", "\n", "\r")


class Templater:
    """An object whose `template_fields` name the attributes that hold templates.

    Strings are rendered; those that end in one of `template_ext` name a file of templates; XComArgs are resolved;
    lists, tuples, sets and dicts are searched, and so are objects that have `template_fields` themselves.
    """

    template_fields: Sequence[str]
    template_ext: Sequence[str]
    render_template_as_native_obj: bool | None = None
    resolved_ids: frozenset[int] = frozenset()
    """`id` of values that a mapped task got from an XCom: what looks like a template in them is none."""

    def get_template_env(self, dag: "DAG | None" = None) -> "jinja2.Environment":
        """The environment that renders this: of the DAG when there is one."""
        dag = dag or getattr(self, "dag", None)
        native = self.renders_native(dag)
        return dag.get_template_env(native=native) if dag else make_environment(native=native)

    def renders_native(self, dag: "DAG | None") -> bool:
        if self.render_template_as_native_obj is not None:
            return self.render_template_as_native_obj
        return bool(dag and dag.render_template_as_native_obj)

    def render_template_fields(self, context: Mapping[str, Any], jinja_env: "jinja2.Environment | None" = None) -> None:
        """Replace each templated field by its rendered value. Raises what the template raises, the field named."""
        for name in self.template_fields:
            try:
                value = getattr(self, name)
            except AttributeError:
                raise AttributeError(
                    f"{name!r} is in template_fields, but {type(self).__name__} has no such attribute"
                ) from None
            if _is_nothing(value):
                continue
            try:
                rendered = self._render_field(value, context, jinja_env)
            except TemplateError as error:
                raise TemplateError(f"{name}: {error}") from error.__cause__
            if rendered is not value:
                setattr(self, name, rendered)

    def _render_field(self, value: Any, context: Mapping[str, Any], env: "jinja2.Environment | None") -> Any:
        if callable(value):  # As in Airflow: a function makes the value.
            return value(context=context, jinja_env=env or self.get_template_env(context.get("dag")))
        return self.render_template(value, context, env)

    def render_template(
        self,
        content: Any,
        context: Mapping[str, Any],
        jinja_env: "jinja2.Environment | None" = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """`content` with all templates in it rendered, as a new object when there was one."""
        if self.resolved_ids and id(content) in self.resolved_ids:
            return content
        if isinstance(content, str):
            return self._render_text(content, context, jinja_env)
        if isinstance(content, Resolvable):
            return content.resolve(context)
        seen = seen_oids if seen_oids is not None else set()
        if id(content) in seen:
            return content
        return self._render_inside(content, context, jinja_env, seen)

    def _render_inside(self, content: Any, context: Mapping[str, Any], env: Any, seen: set[int]) -> Any:
        def render(value: Any) -> Any:
            return self.render_template(value, context, env, seen)

        if isinstance(content, tuple):
            items = [render(item) for item in content]
            return tuple(items) if type(content) is tuple else type(content)(*items)
        if isinstance(content, list):
            return [render(item) for item in content]
        if isinstance(content, dict):
            return {key: render(item) for key, item in content.items()}
        if isinstance(content, set):
            return {render(item) for item in content}
        return self._render_object(content, render, seen)

    def _render_object(self, content: Any, render: Any, seen: set[int]) -> Any:
        names: Iterable[str] = getattr(content, "template_fields", ()) if not isinstance(content, type) else ()
        if not names or isinstance(content, os.PathLike):
            return content
        seen.add(id(content))
        # A copy: the object belongs to the DAG, which later tries of this process use as it was.
        rendered = copy.copy(content)
        seen.add(id(rendered))
        for name in names:
            setattr(rendered, name, render(getattr(content, name)))
        return rendered

    def _render_text(self, text: str, context: Mapping[str, Any], env: "jinja2.Environment | None") -> Any:
        dag: DAG | None = context.get("dag")
        is_file = bool(self.template_ext) and text.endswith(tuple(self.template_ext))
        if not is_file and env is None and self._is_plain(text, dag):
            return text
        env = env or self.get_template_env(dag)
        return render_text(env, text, context, is_file=is_file)

    def _is_plain(self, text: str, dag: "DAG | None") -> bool:
        """True when rendering `text` would give `text`, so that Jinja need not be asked."""
        if self.renders_native(dag) or (dag and dag.jinja_environment_kwargs):
            return False
        return not any(mark in text for mark in _MARKS)


def _is_nothing(value: Any) -> bool:
    """True for an empty field, which needs no rendering. Arrays and data frames do not say."""
    try:
        return not value
    except ValueError:
        return False


def render_text(env: "jinja2.Environment", text: str, context: Mapping[str, Any], *, is_file: bool) -> Any:
    """The rendered template. Raises `TemplateError` that quotes the template."""
    import jinja2

    try:
        template = env.get_template(text) if is_file else env.from_string(text)
        rendered: Any = template.render(context)
        if isinstance(rendered, jinja2.StrictUndefined):
            str(rendered)  # Native rendering hands undefined names on; this is what raises.
        return rendered
    except jinja2.TemplateNotFound as error:
        raise TemplateError(
            f"there is no template file {error.name!r} beside the DAG or in template_searchpath"
        ) from error
    except jinja2.TemplateError as error:
        shown = text if len(text) <= 200 else f"{text[:200]}..."
        raise TemplateError(f"template {shown!r} does not render: {error.message}") from error


def make_environment(
    *,
    native: bool = False,
    searchpath: Sequence[str] = (),
    undefined: Any = None,
    options: Mapping[str, Any] | None = None,
    macros: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
) -> "jinja2.Environment":
    """An environment with Airflow's settings: undefined names are errors, templates cannot reach Python's internals."""
    import jinja2

    kind = _environment_classes()[1 if native else 0]
    settings: dict[str, Any] = {
        "undefined": undefined or jinja2.StrictUndefined,
        "extensions": ["jinja2.ext.do"],
        "loader": jinja2.FileSystemLoader(list(searchpath)) if searchpath else None,
        **(options or {}),
    }
    env: jinja2.Environment = kind(**settings)
    env.filters.update(FILTERS)
    env.filters.update(filters or {})
    env.globals.update(macros or {})
    return env


@lru_cache(maxsize=1)
def _environment_classes() -> tuple[Any, Any]:
    """Made when first needed, because the import of Jinja takes longer than most DAG files."""
    from jinja2.nativetypes import NativeEnvironment
    from jinja2.runtime import Context as JinjaContext
    from jinja2.sandbox import SandboxedEnvironment, is_internal_attribute

    class Context(JinjaContext):
        def resolve_or_missing(self, key: str) -> Any:
            return unwrapped(super().resolve_or_missing(key))

    class Sandbox(SandboxedEnvironment):
        context_class = Context

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            """Airflow's rule: names with one underscore are open, Python's internals are not."""
            return not is_internal_attribute(obj, attr)

    class NativeSandbox(NativeEnvironment, Sandbox):
        pass

    return Sandbox, NativeSandbox


def _when_set(form: Any) -> Any:
    return lambda value: None if value is None else form(value)


FILTERS: Mapping[str, Any] = {
    "ds": _when_set(lambda value: value.strftime("%Y-%m-%d")),
    "ds_nodash": _when_set(lambda value: value.strftime("%Y%m%d")),
    "ts": _when_set(lambda value: value.isoformat()),
    "ts_nodash": _when_set(lambda value: value.strftime("%Y%m%dT%H%M%S")),
    "ts_nodash_with_tz": _when_set(lambda value: value.isoformat().replace("-", "").replace(":", "")),
}
"""Of a date or time; None stays None."""
