#!/usr/bin/env bash
# Starts the simulator, drives it with the vendor's library, and ends it again.
set -euo pipefail
cd "$(dirname "$0")"
work="$(mktemp -d)"
cargo build --quiet --package patchbay-sims --example bitrix24
target="$(cargo metadata --format-version 1 --no-deps | node -pe 'JSON.parse(require("fs").readFileSync(0)).target_directory')"
"$target/debug/examples/bitrix24" >"$work/url" &
simulator=$!
trap 'kill "$simulator"; rm -r "$work"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost \
  -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
until [ -s "$work/url" ]; do sleep 0.1; done
NODE_TLS_REJECT_UNAUTHORIZED=0 NODE_NO_WARNINGS=1 \
  node check.mjs "$(cat "$work/url")" "$work/key.pem" "$work/cert.pem"
