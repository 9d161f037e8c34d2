#!/usr/bin/env bash
# pip-install.sh ARGUMENT…   `pip install` into .venv, quietly, without questions.
set -euo pipefail

# An older pip brings its own list of authorities. The system's knows a private one as well, unless pip was told where to look.
system_authorities=/etc/ssl/certs/ca-certificates.crt
if [ -e "$system_authorities" ] && ! .venv/bin/pip config get global.cert >/dev/null 2>&1; then
    export PIP_CERT="${PIP_CERT:-$system_authorities}"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
exec .venv/bin/pip install -qq "$@"
