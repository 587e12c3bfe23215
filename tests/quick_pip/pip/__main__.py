"""Answers ``python -m pip list -v --format json``, from the metadata that pip itself reads, in a quarter of pip's time.

Pulumi's language host asks before each command. Half a second for each of a thousand commands is four minutes of the
engine tests; what starts with the repository's own environment (demo, README, examples) asks pip itself.
"""

import json
import sys
from importlib.metadata import distributions

if sys.argv[1:] != ["list", "-v", "--format", "json"]:
    sys.exit(f"the pip of the engine tests lists packages and nothing else, and is asked for: {sys.argv[1:]}")
told = [{"name": d.metadata["Name"], "version": d.version, "location": str(d.locate_file(""))} for d in distributions()]
json.dump(told, sys.stdout)
