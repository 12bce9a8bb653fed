"""Waits for a letter, and counts its words with a package that Sailplane itself does not need."""

import os
from datetime import UTC, datetime

from sortedcontainers import SortedDict

from sailplane import DAG, GCSHook, GCSObjectExistenceSensor, task

BUCKET = os.environ["SAILPLANE_BUCKET"]
LETTER = "post/letter.txt"
ONCE = datetime(2026, 1, 1, tzinfo=UTC)


@task
def read():
    return GCSHook().download(BUCKET, LETTER).decode().split()


@task
def count(words):
    counts = SortedDict()
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(counts)


@task
def longest(words):
    return max(words, key=len)


@task
def reply(counts, word):
    GCSHook().upload(BUCKET, "post/reply.txt", data=f"{counts} {word}")


@task(queue="by-hand")
def note():
    print("noted")


with DAG("letters", schedule="@daily", start_date=ONCE, end_date=ONCE, catchup=True):
    wait = GCSObjectExistenceSensor(task_id="wait", bucket=BUCKET, object=LETTER, poke_interval=3600, mode="reschedule")
    words = read()
    wait >> words
    reply(count(words), longest(words))

with DAG("by_hand", schedule=None):
    note()
