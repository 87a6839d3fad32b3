# One image for the app and the workers. By default it holds the build of PyTorch that runs on CUDA and on the CPU. For a
# smaller image without CUDA give the index of PyTorch's CPU builds:  --build-arg TORCH_INDEX=…
# That index is then trusted for torch alone; every other file is checked against its digest in requirements.txt.
# PYTHON_IMAGE is given by digest, so that a build is the same tomorrow: docs/security.md says how to renew it.
ARG PYTHON_IMAGE=python:3.13.15-slim@sha256:881d80734ee05dca6f7f42dcb080975652a53c7eda9ba1f03bb8da31aa6a6ec2
FROM ${PYTHON_IMAGE} AS build
ARG TORCH_INDEX=""
WORKDIR /src
RUN python -m venv /opt/eigenscope
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY .ci/install .ci/install
RUN .ci/install /opt/eigenscope/bin/python "$TORCH_INDEX"
COPY analysis analysis
COPY app app
COPY frontend frontend
COPY workers workers
RUN /opt/eigenscope/bin/pip install --no-cache-dir --no-deps --no-build-isolation . && /opt/eigenscope/bin/pip check

FROM ${PYTHON_IMAGE}
RUN useradd --uid 10001 --create-home --home-dir /home/eigenscope eigenscope \
 && install --directory --owner=eigenscope --group=eigenscope /data
COPY --from=build /opt/eigenscope /opt/eigenscope
ENV PATH=/opt/eigenscope/bin:$PATH PYTHONUNBUFFERED=1 EIGENSCOPE_DATA_DIR=/data
USER eigenscope
WORKDIR /home/eigenscope
VOLUME /data
EXPOSE 8000
CMD ["eigenscope", "serve", "--host", "0.0.0.0"]
