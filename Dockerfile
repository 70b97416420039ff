# One image for every role; the command says which: `finfleet worker aws`, `finfleet ingest`, `finfleet db migrate` ...
#
#   docker build -t finfleet .                                        all providers and destinations
#   docker build -t finfleet-bills --build-arg EXTRAS=fleet,aws,azure,gcp,otlp,bills .   and bills from files
#   docker build -t finfleet-aws --build-arg EXTRAS=fleet,aws .       a fleet that collects AWS only
#   docker build -t finfleet-agent-aws --build-arg EXTRAS=aws .       a standalone agent: no Celery, no SQL
#   docker build -t finfleet --build-arg AWS_APIS="dynamodb sqs" .    and botocore's models for services of your own
#   docker build -t openfinops --target openfinops .                  OpenFinOps's own telemetry server
#
# Every package is checked against the hash in its lock file. Secrets come at run time, never into a layer.
ARG PYTHON=3.11.13-slim-bookworm

# The packages, each checked against its hash; then, without any index, the ones that the extras need.
FROM python:${PYTHON} AS build
ARG EXTRAS=fleet,aws,azure,gcp,otlp
ARG AWS_APIS=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/fleet.txt requirements/demo.txt requirements/
COPY deploy/docker/pinned_packages.py deploy/docker/
RUN python deploy/docker/pinned_packages.py requirements/demo.txt \
        hatchling editables packaging pathspec pluggy tomlkit trove-classifiers > requirements/backend.txt \
    && pip install --require-hashes --requirement requirements/backend.txt \
    && pip download --require-hashes --only-binary :all: --dest /wheels --requirement requirements/fleet.txt
COPY pyproject.toml README.md LICENSE ./
COPY agents agents
COPY migrations migrations
COPY storage storage
COPY tasks tasks
COPY telemetry telemetry
COPY workers workers
# There is no index, so there is no other finfleet than the one just built.
# hadolint ignore=DL3013
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/finfleet \
    && pip --python /opt/finfleet/bin/python install --no-compile --no-index --find-links /wheels "finfleet[${EXTRAS}]"
COPY deploy/docker/slim.py deploy/docker/compile_imported.py deploy/docker/
# What no process reads is left out, and what they load is compiled: a read-only file system keeps nothing of either.
RUN packages=$(echo /opt/finfleet/lib/python*/site-packages) \
    && python deploy/docker/slim.py "${packages}" ${AWS_APIS} \
    && /opt/finfleet/bin/python deploy/docker/compile_imported.py "${packages}" flower.command

FROM python:${PYTHON} AS openfinops-build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/openfinops.txt /tmp/openfinops.txt
RUN python -m venv --without-pip /opt/openfinops \
    && pip --python /opt/openfinops/bin/python install --require-hashes --requirement /tmp/openfinops.txt

# OpenFinOps's own server, to try the fleet with. It asks for no password: keep it in a network of its own.
FROM python:${PYTHON} AS openfinops
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin openfinops \
    && install --directory --owner openfinops --group openfinops /data
COPY --from=openfinops-build /opt/openfinops /opt/openfinops
ENV PATH=/opt/openfinops/bin:$PATH PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp
USER 10001:10001
WORKDIR /data
CMD ["python", "-c", "from openfinops.observability.telemetry_server import TelemetryServer as S; S('0.0.0.0', 8080).start_server()"]

FROM python:${PYTHON} AS finfleet
# A fixed number, so that a cluster can check that the image is not root's, and volumes can be given to it.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin finfleet \
    && install --directory --owner finfleet --group finfleet --mode 0700 /run/finfleet /var/lib/finfleet
COPY --from=build /opt/finfleet /opt/finfleet
ENV PATH=/opt/finfleet/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    FINFLEET_HEARTBEAT=/run/finfleet/alive
USER 10001:10001
WORKDIR /var/lib/finfleet
# The root file system may be read-only: only /run/finfleet (the sign of life) and /tmp are written to.
# There is no HEALTHCHECK here: what is healthy depends on the role. docker-compose.yml and deploy/kustomize ask
# `finfleet health ROLE`, which says by its exit status whether the process works, and in a line why not.
STOPSIGNAL SIGTERM
CMD ["finfleet", "--help"]
