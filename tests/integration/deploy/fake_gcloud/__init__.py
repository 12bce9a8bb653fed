"""A gcloud for tests: it knows what the real one accepts, keeps a project in a file, and answers in Google's shapes.

`surface` parses a command line as gcloud does, by what was recorded of the real one
(`tests/oracle/gcloud_surface.json`).
`cloud` is the project's state; the modules beside it (`pubsub`, `functions`...) each hold the commands of one service.
`program` brings them together, records every call and fails on demand. `__main__` is the executable.

Only the standard library, and little of it, is imported: a deployment makes some hundred calls.
"""
