"""The manifest's JSON Schema: ``python -m ttci.manifest.json_schema > models_manifest.schema.json``.

Editors complete and check ``models_manifest.toml`` by it.
"""

from __future__ import annotations

import json

from ttci.manifest.schema import ManifestFile


def schema_text() -> str:
    """The schema as it is published at the repository's root."""
    schema = ManifestFile.model_json_schema(by_alias=True)
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
