# The tag names Python and Debian, so that rebuilding brings their security updates; requirements.txt pins the rest.
FROM python:3.12-slim-bookworm
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --root-user-action=ignore --requirement requirements.txt
COPY connector ./connector
COPY adapters ./adapters
COPY mappings ./mappings
# gunicorn's heartbeat files belong in memory: on a slow disk they make it kill healthy workers.
ENV PYTHONUNBUFFERED=1 PORT=8000 GUNICORN_CMD_ARGS="--worker-tmp-dir /dev/shm"
# No user of this number exists on the host, and nothing in /app is writable for it.
USER 10001:10001
EXPOSE 8000
# The web line of Procfile; its other lines are other commands of the same image (see compose.yaml).
CMD ["sh", "-c", "exec gunicorn --bind 0.0.0.0:$PORT --workers 2 --threads 4 --timeout 20 --graceful-timeout 20 --no-control-socket 'connector.web:create_app()'"]
