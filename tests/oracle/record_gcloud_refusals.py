"""Record how the gcloud CLI refuses command lines. It asks Google nothing: they are wrong, or end before that.

    CLOUDSDK_CONFIG=$(mktemp -d) python tests/oracle/record_gcloud_refusals.py > tests/oracle/gcloud_refusals.json

Each row is [command line, exit code, first line of stderr].
"""

import json
import shlex
import subprocess
import sys

COMMANDS = (
    "pubsub",
    "pubsub foo",
    "pubsub topics create",
    "pubsub topics create x --foo",
    "pubsub topics create x --foo=1 --bar",
    "pubsub topics describe",
    "pubsub topics describe x y",
    "pubsub subscriptions create s",
    "pubsub subscriptions create s --topic",
    "pubsub subscriptions create s --topic=t --ack-deadline=x",
    "pubsub subscriptions create s --topic=t --max-delivery-attempts=2 --dead-letter-topic=d",
    "pubsub subscriptions create s --topic=t --max-delivery-attempts=200 --dead-letter-topic=d",
    "pubsub subscriptions create s --topic=t --message-retention-duration=32d",
    "pubsub subscriptions create s --topic=t --min-retry-delay=soon",
    "pubsub subscriptions update s --clear-dead-letter-policy --dead-letter-topic=d",
    "firestore fields ttls update f --collection-group=g",
    "firestore fields ttls update f --collection-group=g --enable-ttl --disable-ttl",
    "firestore indexes fields update f --collection-group=g --index=foo=bar",
    "firestore indexes fields update f --collection-group=g --index=order=ascending,query-scope=collection-group",
    "firestore indexes composite create --collection-group=g",
    "firestore indexes composite create --collection-group=g --query-scope=all --field-config=field-path=a",
    "firestore databases create",
    "firestore databases create --location=eur3 --type=x",
    "firestore databases delete",
    "functions deploy f --cpu=1",
    "functions deploy f --max-instances=0",
    "functions deploy f --set-env-vars=A=1 --clear-env-vars",
    "functions deploy f --set-env-vars=A",
    "functions deploy f --trigger-http --trigger-topic=topic",
    "functions deploy",
    "services enable a --async=1",
    "storage buckets create",
    "storage buckets create gs://b --soft-delete-duration=never",
    "storage buckets update gs://b --lifecycle-file=f --clear-lifecycle",
    "storage buckets notifications create gs://b --event-types=OBJECT_MADE",
    "storage buckets notifications create gs://b --payload-format=xml",
    "scheduler jobs create http j --uri=https://x",
    "scheduler jobs create http j --schedule=x",
    "scheduler jobs create http j --schedule=x --uri=https://x --oidc-token-audience=a",
    "scheduler jobs create http j --schedule=x --uri=https://x --http-method=call",
    "projects add-iam-policy-binding p --member=user:a@example.org",
    "run jobs deploy j --image=i --source=.",
    "run services update s --iap",
    "iap web add-iam-policy-binding --resource-type=cloud-run --member=m --role=r",
    "monitoring dashboards create",
    "logging metrics create m",
    "logging metrics create m --description=d",
    "builds submit --tag=t --config=c",
    "artifacts repositories create r",
    "secrets add-iam-policy-binding s --role=r",
)


def refusal(line):
    ended = subprocess.run(["gcloud", *shlex.split(line), "--quiet"], capture_output=True, text=True, check=False)
    return [line, ended.returncode, ended.stderr.splitlines()[0].rstrip()]


def main():
    rows = ",\n".join(json.dumps(refusal(line)) for line in COMMANDS)
    version = subprocess.run(["gcloud", "version", "--format=value(core)"], capture_output=True, text=True, check=True)
    sys.stdout.write(f'{{"gcloud core": "{version.stdout.strip()}",\n"refusals": [\n{rows}\n]}}\n')


main()
