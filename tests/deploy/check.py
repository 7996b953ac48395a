"""Reads deployment files for the tests.

check.py json FILE      the documents of a YAML file, as a JSON list
check.py compose FILE   fails if the file does not follow the Compose Specification
"""

import json
import pathlib
import sys

import yaml

command, name = sys.argv[1:]
text = pathlib.Path(name).read_text()
if command == "json":
    json.dump(list(yaml.safe_load_all(text)), sys.stdout)
elif command == "compose":
    import compose_spec

    resolved = yaml.safe_dump(yaml.safe_load(text))
    compose_spec.PyCompose.from_yaml(resolved).validate()
else:
    sys.exit(__doc__)
