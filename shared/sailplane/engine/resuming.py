"""What a try that waits leaves behind for its continuation: small texts in its document, large ones in the bucket."""

from collections.abc import Mapping
from dataclasses import replace

from sailplane.cloud.wiring import Cloud
from sailplane.engine import xcoms
from sailplane.model.execution import Outcome
from sailplane.model.resuming import Resumption
from sailplane.model.runs import TaskInstance

_KWARGS, _EVENT, _TRIGGER = "~kwargs", "~event", "~trigger"
"""Under which keys its texts are kept beside the XComs: none of an author's begins so."""


def keep(cloud: Cloud, instance: TaskInstance, outcome: Outcome) -> tuple[Outcome, dict[str, str]]:
    """`outcome` as it goes into the document, and its XComs; see `xcoms.keep`."""
    resumption = outcome.resumption
    if resumption is None:
        return outcome, xcoms.keep(cloud, instance, outcome.xcoms)
    kept = xcoms.keep(cloud, instance, {**outcome.xcoms, **_texts(resumption)})
    values = {key: kept[key] for key in outcome.xcoms}
    return replace(outcome, resumption=_with_texts(resumption, kept)), values


def resolved(cloud: Cloud, resumption: Resumption) -> Resumption:
    """`resumption` with everything that stands in the bucket. Raises `NotFound` when that is gone."""
    texts = {key: xcoms.resolve(cloud, text) for key, text in _texts(resumption).items()}
    pushed = {key: xcoms.resolve(cloud, envelope) for key, envelope in resumption.xcoms.items()}
    return replace(_with_texts(resumption, texts), xcoms=pushed)


def _texts(resumption: Resumption) -> dict[str, str]:
    texts = {_KWARGS: resumption.kwargs} if resumption.kwargs else {}
    if resumption.event is not None:
        texts[_EVENT] = resumption.event
    if resumption.trigger is not None:
        texts[_TRIGGER] = resumption.trigger.kwargs
    return texts


def _with_texts(resumption: Resumption, texts: Mapping[str, str]) -> Resumption:
    trigger = resumption.trigger
    if trigger is not None:
        trigger = replace(trigger, kwargs=texts[_TRIGGER])
    return replace(resumption, kwargs=texts.get(_KWARGS, ""), event=texts.get(_EVENT), trigger=trigger)
