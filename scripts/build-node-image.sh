#!/usr/bin/env bash
# Builds the image `ccx-node` from orchestrator/Dockerfile. The packages are fetched here, as this machine's pip is set up, and
# brought to the build as files: no index address and no certificate gets into the image. Needs .venv and a Docker engine.
set -euo pipefail
cd "$(dirname "$0")/.."

tag=${1:-ccx-node}
python_version=3.13 # of debian:trixie
abi=cp${python_version/./}
platform() { echo "--platform=manylinux_$1_$(uname -m)"; }

# Already built from the same files?
sources() {
    git ls-files -co --exclude-standard -- client orchestrator images requirements pyproject.toml README.md LICENSE .dockerignore
    find orchestrator/ccx_orchestrator/dashboard/static -type f 2>/dev/null || true # the page, which is built
}
digest=$(sources \
    | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1)
if [ "$(docker image inspect --format '{{index .Config.Labels "ccx.source"}}' "$tag" 2>/dev/null)" = "$digest" ]; then
    echo "ccx: the image $tag is up to date"
    exit 0
fi

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
echo "ccx: fetching packages"
for file in build node; do
    .venv/bin/pip download -qq --disable-pip-version-check --require-hashes --no-deps --only-binary :all: \
        --python-version "$python_version" --implementation cp --abi "$abi" --abi abi3 --abi none \
        "$(platform 2_17)" "$(platform 2_24)" "$(platform 2_26)" "$(platform 2_28)" "$(platform 2_34)" "--platform=manylinux2014_$(uname -m)" \
        --dest "$context/wheels" --requirement "requirements/$file.txt"
done
sources | tar --create --verbatim-files-from --files-from - | tar --extract --directory "$context"
echo "ccx: building $tag"
docker build --quiet --label "ccx.source=$digest" --build-arg "BASE_IMAGE=${BASE_IMAGE:-debian:trixie-slim}" \
    --file "$context/orchestrator/Dockerfile" --tag "$tag" "$context" >/dev/null
docker image inspect --format "ccx: $tag is ready, {{.Size}} bytes" "$tag"
