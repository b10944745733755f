"""A CleverReach-compatible server on loopback: for trying out, for CI pipelines, for this project's own tests."""
