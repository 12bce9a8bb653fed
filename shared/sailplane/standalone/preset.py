"""What the variables name to be used instead of parts of our own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from localcloud import External
from sailplane.deploy.topology import Topology

PROJECT = "sailplane-local"
BUCKET = "sailplane"
TOPIC_PREFIX = "sailplane"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Emulators elsewhere, and on those the project and bucket that are meant."""

    project: str = PROJECT
    bucket: str = BUCKET
    external: External = field(default_factory=External)

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> "Preset":
        """Without emulators, GOOGLE_CLOUD_PROJECT and SAILPLANE_BUCKET say nothing: they mean Google Cloud's."""
        external = External(
            firestore=environment.get("FIRESTORE_EMULATOR_HOST") or None,
            pubsub=environment.get("PUBSUB_EMULATOR_HOST") or None,
            storage=environment.get("STORAGE_EMULATOR_HOST", "").partition("://")[2].rstrip("/")
            or environment.get("STORAGE_EMULATOR_HOST")
            or None,
        )
        if external == External():
            return cls()
        return cls(
            project=environment.get("GOOGLE_CLOUD_PROJECT") or PROJECT,
            bucket=environment.get("SAILPLANE_BUCKET") or BUCKET,
            external=external,
        )

    @property
    def topology(self) -> Topology:
        return Topology(project=self.project, name=TOPIC_PREFIX)

    def lines(self) -> Iterator[str]:
        """What is used that is not ours, for people."""
        used = {
            "Firestore": self.external.firestore,
            "Pub/Sub": self.external.pubsub,
            "Cloud Storage": self.external.storage,
        }
        for name, address in used.items():
            if address:
                yield f"{name} is the emulator at {address}, project {self.project}"
