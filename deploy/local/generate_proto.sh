#!/usr/bin/env bash
# Generates proto/generated (or the folder named as first argument) from proto/**/*.proto.
# The result is committed; `make check` compares it with a fresh run.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-proto/generated}
bin=$PWD/.venv/bin
export PATH="$bin:$PATH"

rm -rf "$out/smartcard_unlock"
mkdir -p "$out"
mapfile -t sources < <(cd proto && find smartcard_unlock -name '*.proto' | LC_ALL=C sort)
"$bin/python" -m grpc_tools.protoc -I proto \
  --python_out="$out" --grpc_python_out="$out" \
  --mypy_out=quiet:"$out" --mypy_grpc_out=quiet,only_async:"$out" \
  "${sources[@]}"
# A .proto without an RPC yields an empty *_pb2_grpc module: leave it out.
for proto in "${sources[@]}"; do
  grep -q '^service ' "proto/$proto" || rm -f "$out/${proto%.proto}_pb2_grpc.py" "$out/${proto%.proto}_pb2_grpc.pyi"
done
