"""Making one bucket, or a folder of it, like another."""

from dataclasses import dataclass
from typing import Any

from sailplane.hooks.gcs import GCSHook


@dataclass(frozen=True, kw_only=True)
class SyncPlan:
    """What has to be done: names below the two folders."""

    to_copy: tuple[str, ...]
    to_rewrite: tuple[str, ...]
    """Those that are there with other content."""
    to_delete: tuple[str, ...]


def plan(source: dict[str, Any], target: dict[str, Any]) -> SyncPlan:
    """What makes the names and checksums of `target` those of `source`."""
    shared = sorted(source.keys() & target.keys())
    return SyncPlan(
        to_copy=tuple(sorted(source.keys() - target.keys())),
        to_rewrite=tuple(name for name in shared if source[name] != target[name]),
        to_delete=tuple(sorted(target.keys() - source.keys())),
    )


def synchronize(
    hook: GCSHook,
    source_bucket: str,
    destination_bucket: str,
    source_object: str | None = None,
    destination_object: str | None = None,
    recursive: bool = True,
    allow_overwrite: bool = False,
    delete_extra_files: bool = False,
) -> SyncPlan:
    """Copy what the folder `source_object` has, all of the bucket without one, to `destination_object`.

    What is there with other content is only overwritten, and what is not in the source only deleted, if asked for.
    """
    source_folder, target_folder = _folder(source_object), _folder(destination_object)
    source = _checksums(hook, source_bucket, source_folder, recursive)
    done = plan(source, _checksums(hook, destination_bucket, target_folder, recursive))
    for name in (*done.to_copy, *(done.to_rewrite if allow_overwrite else ())):
        hook.rewrite(source_bucket, f"{source_folder}{name}", destination_bucket, f"{target_folder}{name}")
    for name in done.to_delete if delete_extra_files else ():
        hook.delete(destination_bucket, f"{target_folder}{name}")
    return done


def _folder(given: str | None) -> str:
    return f"{given.rstrip('/')}/" if given else ""


def _checksums(hook: GCSHook, bucket: str, folder: str, recursive: bool) -> dict[str, Any]:
    options = {} if recursive else {"delimiter": "/"}
    blobs = hook.list_blobs(bucket, folder, **options)
    return {blob.name.removeprefix(folder): blob.crc32c for blob in blobs if blob.name != folder}
