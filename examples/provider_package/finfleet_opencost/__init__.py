"""Kubernetes clusters for finfleet, by the HTTP API of OpenCost."""
