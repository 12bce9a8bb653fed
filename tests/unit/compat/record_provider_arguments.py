"""Records which arguments the classes of Airflow's providers take, of all that Sailplane has under the same name.

    python tests/unit/compat/record_provider_arguments.py FOLDER... > tests/unit/compat/provider_arguments.json

A FOLDER is what provider packages (google, slack, smtp, common-sql) were unpacked into; nothing of them is imported.
"""

import ast
import json
import sys
from pathlib import Path

import sailplane


def arguments(kind: ast.ClassDef) -> list[str]:
    """Names of the arguments of the class's own `__init__`."""
    for each in kind.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            given = (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)
            return [argument.arg for argument in given if argument.arg != "self"]
    return []


def main(folders: list[str]) -> None:
    found: dict[str, dict[str, object]] = {}
    for folder in map(Path, folders):
        for path in sorted(folder.rglob("*.py")):
            module = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
            for kind in ast.parse(path.read_text()).body:
                if isinstance(kind, ast.ClassDef) and kind.name in sailplane.__all__ and "providers" in module:
                    found[kind.name] = {"module": module, "arguments": arguments(kind)}
    print(json.dumps(dict(sorted(found.items())), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
