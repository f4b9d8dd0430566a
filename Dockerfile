# One image for the portal, the back office, the worker and beat: DMP_ROLE and the command tell them apart.
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 \
      fonts-dejavu-core fonts-lato ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --user-group --home-dir /var/lib/dmp --create-home --shell /usr/sbin/nologin dmp \
 && install -d -o dmp -g dmp -m 700 /var/lib/dmp/media /var/lib/dmp/mail /var/lib/dmp/issuer \
      /var/lib/dmp/tombstones

WORKDIR /srv/dmp
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .

ENV PYTHONUNBUFFERED=1 \
    DMP_MEDIA_ROOT=/var/lib/dmp/media \
    DMP_TOMBSTONES=/var/lib/dmp/tombstones/journal \
    DMP_MAIL_DIR=/var/lib/dmp/mail \
    DMP_DEMO_ISSUER_DIR=/var/lib/dmp/issuer
USER dmp
VOLUME /var/lib/dmp
CMD ["gunicorn", "--config", "dmp/gunicorn.py", "dmp.wsgi:application"]
