#!/bin/sh
# Print the Python that sets this repository up: $PYTHON if it is given, else the one that made .venv,
# else the first of python3, python3.14 ... python3.10 on PATH that is 3.10 or newer.
# No other program of this repository has to work with an older Python than that.
set -u

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if recent_enough "$PYTHON"; then
        printf '%s\n' "$PYTHON"
        exit 0
    fi
    echo "setup: PYTHON=$PYTHON is not a Python 3.10 or newer; name another one, for example: make setup PYTHON=python3.12" >&2
    exit 1
fi

for candidate in "$(dirname "$0")/../.venv/bin/python" \
    python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    if recent_enough "$candidate"; then
        printf '%s\n' "$candidate"
        exit 0
    fi
done
echo "setup: no Python 3.10 or newer was found on PATH; install one, or name it: make setup PYTHON=/path/to/python3" >&2
exit 1
