"""Run as a process of its own: one function as functions-framework makes it, and what that imported.

Prints, as JSON, the modules that were there after the import and after the first request, and the seconds of processor
time that the import took: framework and function together.
"""

import json
import sys
import time


def main(name: str, method: str, path: str, body: str) -> None:
    import functions_framework._http.gunicorn  # noqa: F401
    from functions_framework import create_app

    app = create_app(name, f"functions/{name}/main.py", "http")
    seconds = time.process_time()
    imported = sorted(sys.modules)
    answer = app.test_client().open(path, method=method, data=body.encode(), content_type="application/json")
    report = {
        "seconds": seconds,
        "imported": imported,
        "status": answer.status_code,
        "answer": answer.get_data(as_text=True)[:500],
        "used": sorted(sys.modules),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:5])
