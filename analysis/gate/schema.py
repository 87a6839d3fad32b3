"""The JSON Schema of a policy: editors complete and check `eigenscope.yml` with it.

What it refuses `policy_of` refuses too; what only `policy_of` can see, such as two rules of one name, it lets through.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from analysis.gate.policy import Policy


def schema() -> dict[str, Any]:
    """The schema of a whole policy."""
    return {"$schema": Generator.schema_dialect, **Policy.model_json_schema(schema_generator=Generator)}


class Generator(GenerateJsonSchema):
    """As pydantic makes it, but a key is absent, never null, and no title repeats a key."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = super().default_schema(schema)
        return {key: value for key, value in inner.items() if key != "default" or value not in (None, "", {}, [])}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
