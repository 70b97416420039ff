"""OpenTelemetry metrics over OTLP/HTTP, in protobuf."""
