# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# An OpenTelemetry collector that writes what it gets into a file: built by the collector's own builder, and kept in the
# user's cache folder.

. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"

readonly collector_version=v0.161.0

# print_collector_parts FOLDER: the builder's configuration
print_collector_parts() {
  cat <<YAML
dist:
  name: otelcol
  description: collector for tests
  output_path: $1
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $collector_version
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter $collector_version
YAML
}

# find_collector: prints the path of the collector, which it builds at the first use. Fails, having said why on standard
# error, where there is no Go that is new enough, or the build fails.
find_collector() {
  local folder builder aside status=0
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/otelcol-$collector_version
  if [ ! -x "$folder/otelcol" ]; then
    builder=$(find_go_tool builder go.opentelemetry.io/collector/cmd/builder "$collector_version") || return 1
    aside=$(mktemp -d "$folder.XXXXXX")
    print_collector_parts "$aside" >"$aside/builder.yaml"
    GOFLAGS='' CGO_ENABLED=0 timeout "$GO_TOOL_SECONDS" "$builder" --config "$aside/builder.yaml" >"$aside/log" 2>&1 || status=$?
    if [ $status -ne 0 ]; then
      tail -n 5 "$aside/log" >&2
      rm -rf "$aside"
      echo "the collector $collector_version can't be built with $(go version)" >&2
      return 1
    fi
    # another run may have been faster
    mv -T "$aside" "$folder" 2>/dev/null || rm -rf "$aside"
  fi
  echo "$folder/otelcol"
}

# print_collector_settings PORT FILE: takes OTLP over gRPC at that port, and writes it as JSON, a line a request
print_collector_settings() {
  cat <<YAML
receivers: {otlp: {protocols: {grpc: {endpoint: '127.0.0.1:$1'}}}}
exporters: {file: {path: '$2', flush_interval: 100ms}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {traces: {receivers: [otlp], exporters: [file]}}
YAML
}
