#!/bin/sh
# Asks a running generator for a face, and writes it to face.png, with grpcurl and jq:
#
#     client/examples/shell/generate.sh 127.0.0.1:50052
set -eu
target=${1:-127.0.0.1:50052}

# The server describes itself (reflection), so no .proto files are needed. -max-time is the deadline, in seconds.
generate() {
    grpcurl -plaintext -max-time 60 -max-msg-sz 83886080 -format-error -d @ "$target" \
        deepface.v1.GeneratorService/GenerateFace
}

reply=$(mktemp)
trap 'rm -f "$reply"' EXIT

generate >"$reply" <<'JSON'
{
  "attributes": [{"name": "Male"}, {"name": "Smiling"}, {"name": "Eyeglasses", "absent": true}],
  "seeds": [7]
}
JSON
jq -r '.faces[0].picture' "$reply" | base64 -d >face.png
jq -r '.faces[0].attributes[] | select(.present) | "\(.probability * 1000 | round / 10) %  \(.name)"' "$reply"

# An error is JSON on standard error. Its details name every wrong field.
if echo '{"attributes": [{"name": "Smilng"}], "size": 5}' | generate 2>"$reply"; then
    echo 'expected an error' >&2
    exit 1
fi
jq -r '"code \(.code)", (.details[].fieldViolations // [] | .[] | "  \(.field): \(.description)")' "$reply"
