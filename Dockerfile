# One image for the app and the workers. By default it holds the build of PyTorch that pip's index offers, which runs on
# CUDA and on the CPU; for a smaller image without CUDA pass the index of PyTorch's CPU builds as PIP_EXTRA_INDEX_URL.
FROM python:3.13-slim AS build
ARG PIP_EXTRA_INDEX_URL=""
WORKDIR /src
RUN python -m venv /opt/eigenscope
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY analysis analysis
COPY app app
COPY frontend frontend
COPY workers workers
RUN /opt/eigenscope/bin/pip install --no-cache-dir --constraint constraints.txt '.[server,peft,formats]'

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /home/eigenscope eigenscope \
 && install --directory --owner=eigenscope --group=eigenscope /data
COPY --from=build /opt/eigenscope /opt/eigenscope
ENV PATH=/opt/eigenscope/bin:$PATH PYTHONUNBUFFERED=1 EIGENSCOPE_DATA_DIR=/data
USER eigenscope
WORKDIR /home/eigenscope
VOLUME /data
EXPOSE 8000
CMD ["eigenscope", "serve", "--host", "0.0.0.0"]
