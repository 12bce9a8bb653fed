# An image for the tasks of one queue (kind job or pull): Sailplane's own, with Debian packages and Python packages on top.
#
#   docker build -f infra/docker/queue.Dockerfile -t IMAGE \
#     --build-arg SYSTEM_PACKAGES="ffmpeg libgomp1" --build-arg REQUIREMENTS=requirements.txt FOLDER
ARG BASE_IMAGE=sailplane/base:0.1.0
FROM ${BASE_IMAGE}

ARG SYSTEM_PACKAGES=""
USER root
RUN if [ -n "${SYSTEM_PACKAGES}" ]; then \
        apt-get update \
        && apt-get install -y --no-install-recommends ${SYSTEM_PACKAGES} \
        && rm -rf /var/lib/apt/lists/*; \
    fi

ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /opt/sailplane/requirements.txt
# Your own versions win over those that Sailplane was tested with; pip check says when they do not go together.
RUN PIP_CONSTRAINT='' pip install -r /opt/sailplane/requirements.txt && pip check
USER 50000
