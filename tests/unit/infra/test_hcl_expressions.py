"""The evaluator of HCL that the other tests here stand on. What it should answer was asked of Terraform's console."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hcl_expressions import Scope, attributes, content, evaluate
from hcl_functions import NotEvaluated, TerraformError
from hcl_module import Module

NAMES: Mapping[str, Any] = {
    "local": {"queues": {"b": {"kind": "job", "cpu": 2}, "a": {"kind": "function", "cpu": None}}, "days": 30},
    "var": {"name": "night", "on": True},
}


def value(expression: str) -> Any:
    [node] = attributes(hcl2.parses(f"it = {expression}\n").body).values()
    return evaluate(node, Scope(names=NAMES, file="here.tf"))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('"x-${var.name}-${local.days}"', "x-night-30"),
        ('"${local.days}"', 30),
        ('"on: ${var.on}"', "on: true"),
        (r'"say \"${var.name}\""', 'say "night"'),
        ("1 + 2 * 3", 7),
        ("local.days > 7 && !var.on || local.days == 30", True),
        ('var.on ? "yes" : "no"', "yes"),
        ('local.queues["b"].cpu', 2),
        ("[for name, it in local.queues : name]", ["a", "b"]),
        ('{ for name, it in local.queues : "q-${name}" => it.kind if it.cpu != null }', {"q-b": "job"}),
        ("[for one in [3, 1] : one * 2]", [6, 2]),
        ('{ a = 1, "${var.name}-b" = 2 }', {"a": 1, "night-b": 2}),
        ('merge({ a = 1, b = 1 }, { b = 2 })', {"a": 1, "b": 2}),
        ('try(coalesce(local.queues["a"].cpu), 1)', 1),
        ('try(local.queues["c"].kind, "none")', "none"),
        ('can(regex("^n", var.name))', True),
        ('can(regex("^x", var.name))', False),
        ('keys(local.queues)', ["a", "b"]),
        ('setunion(["b"], ["a"])', frozenset({"a", "b"})),
        ('[for pair in setproduct(["a"], ["x", "y"]) : join("/", pair)]', ["a/x", "a/y"]),
        ('flatten([["a"], [["b"], []]])', ["a", "b"]),
        ('distinct(["b", "a", "b"])', ["b", "a"]),
        ('split(":", "key:3")[1]', "3"),
        ("tostring(0.5)", "0.5"),
        ("tostring(2)", "2"),
        ("-local.days", -30),
    ],
)  # fmt: skip
def test_an_expression_has_the_value_that_terraform_gives_it(expression: str, expected: Any) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    "expression",
    ['local.queues["c"]', "local.nothing", "coalesce(null)", '"x${local.queues}"', "null > 1",
     "{ for name, it in local.queues : it.kind == null ? name : \"same\" => name }"],
)  # fmt: skip
def test_an_error_of_terraforms_is_one_here(expression: str) -> None:
    with pytest.raises(TerraformError):
        value(expression)


@pytest.mark.parametrize(
    "expression", ['upper("a")', "unknown.name", "local.queues[*].kind", '"%{ if true }x%{ endif }"']
)
def test_what_is_not_evaluated_says_so(expression: str) -> None:
    with pytest.raises(NotEvaluated, match=r"here\.tf"):
        value(expression)


def test_try_does_not_hide_what_is_not_evaluated() -> None:
    with pytest.raises(NotEvaluated):
        value('try(upper("a"), "b")')


def test_a_dynamic_block_is_a_block_for_each_element() -> None:
    body = hcl2.parses("""
      name = "it"
      dynamic "env" {
        for_each = { B = "2", A = "1" }
        content {
          name  = env.key
          value = env.value
        }
      }
      env {
        name = "C"
      }
    """).body
    assert content(body, Scope(names={}, file="here.tf")) == {
        "name": "it",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C"}],
    }


def module(folder: Path, text: str, **given: Any) -> Module:
    (folder / "main.tf").write_text(text)
    return Module(folder, given, {"topic": lambda body: {"id": f"topics/{body['name']}"}})


def test_resources_unfold_and_refer_to_each_other(tmp_path: Path) -> None:
    found = module(
        tmp_path,
        """
        variable "names" {
          type    = list(string)
          default = ["a", "b"]
        }
        resource "topic" "each" {
          for_each = toset(var.names)
          name     = "t-${each.key}"
        }
        resource "subscription" "first" {
          count = 1
          topic = topic.each["a"].id
          depends_on = [topic.each, topic.other]
        }
        """,
    )
    assert {one.address: one.body for one in found.resources()} == {
        'topic.each["a"]': {"name": "t-a", "id": "topics/t-a"},
        'topic.each["b"]': {"name": "t-b", "id": "topics/t-b"},
        "subscription.first[0]": {"topic": "topics/t-a"},
    }
    assert found.dangling() == ["main.tf: resource.subscription.first depends on topic.other"]


def test_a_variable_is_given_the_defaults_of_its_type(tmp_path: Path) -> None:
    text = """
    variable "queue" {
      type = object({ kind = optional(string, "function"), cpu = optional(number), name = string })
    }
    output "queue" {
      value = var.queue
    }
    """
    outputs = module(tmp_path, text, queue={"name": "fast", "kind": None, "odd": 1}).outputs()
    assert outputs == {"queue": {"kind": "function", "cpu": None, "name": "fast"}}
    with pytest.raises(TerraformError, match="'name' is missing"):
        module(tmp_path, text, queue={}).outputs()
    with pytest.raises(TerraformError, match="no number"):
        module(tmp_path, text, queue={"name": "fast", "cpu": "two"}).outputs()


def test_a_value_that_a_rule_refuses_is_complained_about(tmp_path: Path) -> None:
    text = """
    variable "days" {
      type = number
      validation {
        condition     = var.days > 0
        error_message = "days must be more than 0."
      }
    }
    """
    assert module(tmp_path, text, days=1).complaints() == []
    assert module(tmp_path, text, days=0).complaints() == ["days must be more than 0."]


def test_a_variable_that_the_module_does_not_have_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="no variable 'days'"):
        module(tmp_path, "", days=1)


def test_a_value_that_refers_to_itself_is_an_error(tmp_path: Path) -> None:
    found = module(tmp_path, 'locals {\n  a = local.b\n  b = local.a\n}\noutput "a" {\n  value = local.a\n}\n')
    with pytest.raises(TerraformError, match="refers to itself"):
        found.outputs()
