# What the test needs inside of containers' networks: clients, and the programs that make a network bad.
FROM debian:bookworm-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends \
    iproute2 iptables libfaketime python3-redis redis-tools \
  && rm -rf /var/lib/apt/lists/* \
  # Where a volume that is mounted there takes it from, for a container that has no libfaketime.
  && install -D /usr/lib/*/faketime/libfaketime.so.1 /faketime/libfaketime.so.1
