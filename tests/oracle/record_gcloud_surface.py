"""Record what the gcloud CLI accepts: commands, positional arguments, flags, and what excludes or requires what.

Run it with the Python that gcloud brings, and gcloud's `lib` folder; nothing is called, no account is needed:

    SDK=/usr/lib/google-cloud-sdk
    CLOUDSDK_CONFIG=$(mktemp -d) PYTHONPATH=$SDK/lib:$SDK/lib/third_party $SDK/platform/bundledpythonunix/bin/python3 \
        tests/oracle/record_gcloud_surface.py > tests/oracle/gcloud_surface.json

A command is `{"args": [...]}`; an argument is a flag, a positional argument or a group of arguments:

    {"flag": ["--ack-deadline"], "dest": "ack_deadline", "type": {"kind": "int"}}
    {"positional": "SUBSCRIPTION", "dest": "subscription", "nargs": "+"}
    {"mutex": true, "required": true, "args": [...]}
"""

import inspect
import json
import sys

from googlecloudsdk import gcloud_main
from googlecloudsdk.calliope import arg_parsers
from googlecloudsdk.core import config

IAM = ("add-iam-policy-binding", "get-iam-policy", "remove-iam-policy-binding")
KEPT = ("create", "delete", "describe", "list")
CHANGED = (*KEPT, "update")

COMMANDS = {
    "artifacts docker images": ("list", "delete"),
    "artifacts repositories": (*CHANGED, *IAM),
    "alpha monitoring policies": CHANGED,
    "auth": ("login", "print-identity-token", "print-access-token", "application-default login"),
    "beta iap web": IAM,
    "beta monitoring channels": KEPT,
    "beta run": ("deploy",),
    "beta run services": ("update",),
    "beta run worker-pools": ("delete", "deploy", "describe", "list", "update"),
    "beta services identity": ("create",),
    "builds": ("cancel", "describe", "list", "submit"),
    "config": ("get", "set"),
    "compute networks": ("create",),
    "compute networks subnets": ("create", "update"),
    "compute networks vpc-access connectors": ("create", "describe"),
    "firestore": ("export", "import", "bulk-delete"),
    "firestore backups": ("delete", "describe", "list"),
    "firestore backups schedules": CHANGED,
    "firestore databases": (*CHANGED, "restore"),
    "firestore fields ttls": ("list", "update"),
    "firestore indexes composite": KEPT,
    "firestore indexes fields": ("describe", "list", "update"),
    "firestore operations": ("describe", "list"),
    "functions": (
        "add-invoker-policy-binding",
        "call",
        "delete",
        "deploy",
        "describe",
        "list",
        "logs read",
        "remove-invoker-policy-binding",
        *IAM,
    ),
    "iam service-accounts": (*CHANGED, *IAM),
    "iap web": (*IAM, "enable", "disable"),
    "logging": ("read",),
    "logging metrics": CHANGED,
    "monitoring dashboards": CHANGED,
    "projects": ("create", "describe", "list", *IAM),
    "pubsub snapshots": KEPT,
    "pubsub subscriptions": (*CHANGED, "ack", "modify-push-config", "pull", "seek", *IAM),
    "pubsub topics": (*CHANGED, "publish", *IAM),
    "run": ("deploy",),
    "beta run jobs": ("create", "deploy", "update"),
    "run jobs": (*CHANGED, "deploy", "execute", *IAM),
    "run jobs executions": ("cancel", "describe", "list"),
    "run revisions": ("describe", "list"),
    "run services": ("delete", "describe", "list", "logs read", "proxy", "update", "update-traffic", *IAM),
    "scheduler jobs": ("delete", "describe", "list", "pause", "resume", "run", "create http", "update http"),
    "secrets": (*CHANGED, *IAM),
    "secrets versions": ("access", "add", "list"),
    "services": ("disable", "enable", "list"),
    "storage": ("cat", "cp", "ls", "rm", "rsync", "service-agent"),
    "storage buckets": (*CHANGED, *IAM),
    "storage buckets notifications": KEPT,
}

PROMOTED = {"monitoring policies": "alpha monitoring policies"}
"""Groups that newer releases have without the track that they are recorded from, as their reference pages say."""

_GPU = (
    {"flag": ["--gpu"], "dest": "gpu"},
    {"flag": ["--gpu-type"], "dest": "gpu_type"},
    {"flag": ["--gpu-zonal-redundancy"], "dest": "gpu_zonal_redundancy", "type": {"kind": "switch"}},
)
LATER = {"run jobs create": _GPU, "run jobs deploy": _GPU, "run jobs update": _GPU}
"""Flags that newer releases have, as their reference pages of December 2025 say."""
APPENDING = ("_AppendAction", "UpdateActionWithAppend")
"""Actions of flags that may be given several times, each with a value of its own."""


def closure(function):
    return {**inspect.getclosurevars(function).nonlocals}


def plain(value):
    """`value` if JSON has it, else None."""
    return value if isinstance(value, (str, int, float, bool)) else None


def elements(choice_type):
    """What the elements of a list are: gcloud wraps the type of elements that are chosen from some."""
    return (
        kind(closure(choice_type)["element_type"])
        if getattr(choice_type, "__name__", "") == "ChoiceType"
        else kind(choice_type)
    )


def bounds(parsed, convert=lambda value: value):
    limits = {"min": parsed.get("lower_bound"), "max": parsed.get("upper_bound")}
    return {name: convert(value) for name, value in limits.items() if plain(value) is not None}


def dictionary(parser):
    spec = {name: kind(each) if each else None for name, each in parser.spec.items()} if parser.spec else None
    made = {"kind": "dict", "keys": spec, "required_keys": sorted(parser.required_keys)}
    if parser.value_type:
        made["values"] = kind(parser.value_type)
    return {key: value for key, value in made.items() if value}


def sequence(parser):
    made = {"kind": "list", "choices": [plain(each) for each in parser.choices or ()]}
    if parser.element_type:
        made["of"] = elements(parser.element_type)
    made["min"], made["max"] = parser.min_length, parser.max_length
    return {key: value for key, value in made.items() if value and value != {"kind": "str"}}


def function_kind(parser):
    """What a parser made by one of gcloud's factories reads: the factory's name and arguments say it."""
    made_by = parser.__qualname__.split(".")[0]
    inside = closure(parser)
    if made_by == "Duration":
        return {"kind": "duration", **bounds(inside)}
    if made_by == "_BoundedType":
        number = inside.get("type_builder")
        return {"kind": number.__name__, **bounds(inside)}
    if made_by == "_ValueParser":
        return {"kind": "size", "unit": inside.get("default_unit")}
    if made_by == "RegexpValidator":
        return {"kind": "regexp", "pattern": inside["pattern"], "says": inside["description"]}
    return {"kind": "str"}


def kind(parser):
    if parser is None or parser is str:
        return {"kind": "str"}
    if parser in (int, float, bool):
        return {"kind": parser.__name__}
    if hasattr(parser, "arg_type"):
        return kind(parser.arg_type)
    if isinstance(parser, arg_parsers.ArgDict):
        return dictionary(parser)
    if isinstance(parser, arg_parsers.ArgList):
        return sequence(parser)
    if isinstance(parser, arg_parsers.ArgBoolean):
        return {"kind": "boolean"}
    if isinstance(parser, (arg_parsers.FileContents, arg_parsers.YAMLFileContents)):
        return {"kind": "file"}
    if inspect.isfunction(parser):
        return function_kind(parser)
    choices = getattr(parser, "choices", None) or getattr(parser, "choice_mapping", None)
    return {"kind": "str", **({"choices": sorted(map(str, choices))} if choices else {})}


def flag(argument):
    spec = {"flag": list(argument.option_strings), "dest": argument.dest}
    if argument.nargs == 0:
        spec["type"] = {"kind": "switch"}
    else:
        spec["type"] = kind(argument.type)
        if argument.nargs is not None:
            spec["nargs"] = argument.nargs
    # A dictionary that stands for one message of several: each use of the flag adds one, and none is merged.
    adds_a_message = getattr(argument.type, "repeated", False) and "keys" in spec["type"]
    if type(argument).__name__ in APPENDING or adds_a_message:
        spec["append"] = True
    return spec


def positional(argument):
    spec = {"positional": argument.metavar or argument.dest.upper(), "dest": argument.dest, "type": kind(argument.type)}
    if argument.nargs is not None:
        spec["nargs"] = argument.nargs
    return spec


def leaf(argument):
    spec = positional(argument) if argument.is_positional else flag(argument)
    if argument.choices:
        spec["choices"] = sorted(argument.choices)
    if argument.is_required and not argument.is_positional:
        spec["required"] = True
    return {key: value for key, value in spec.items() if value != {"kind": "str"}}


def group(arguments):
    made = [group(each) if each.is_group else leaf(each) for each in arguments.arguments if not is_global(each)]
    spec = {"args": [each for each in made if each.get("args") != []]}
    if arguments.is_mutex:
        spec["mutex"] = True
    if arguments.is_required:
        spec["required"] = True
    return spec


def is_global(argument):
    return not argument.is_group and not argument.is_positional and argument.is_global


def global_flags(cli):
    return [leaf(each) for each in cli._TopElement().ai.flag_args if each.is_global and not each.is_hidden]


def command(cli, path):
    element = cli._TopElement()
    for name in path.split():
        inner = element.LoadSubElement(name.replace("-", "_")) or element.LoadSubElement(name)
        if inner is None:
            raise SystemExit(f"gcloud {path}: there is no {name!r}")
        element = inner
    return group(element.ai)


def main():
    cli = gcloud_main.CreateCLI([])
    paths = sorted(f"{parent} {name}" for parent, names in COMMANDS.items() for name in names)
    found = {path: command(cli, path) for path in paths}
    for promoted, recorded in PROMOTED.items():
        found |= {path.replace(recorded, promoted): found[path] for path in paths if path.startswith(recorded)}
    for path, flags in LATER.items():
        known = json.dumps(found[path])
        found[path]["args"] += [each for each in flags if json.dumps(each["flag"]) not in known]
    commands = ",\n".join(f"{json.dumps(path)}: {json.dumps(found[path])}" for path in sorted(found))
    flags = ",\n".join(json.dumps(each) for each in global_flags(cli))
    sys.stdout.write(
        f'{{"gcloud": "{config.CLOUD_SDK_VERSION}",\n"flags": [\n{flags}\n],\n"commands": {{\n{commands}\n}}}}\n'
    )


main()
