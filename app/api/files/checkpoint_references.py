"""Checkpoints asked for without their bytes: the JSON that names files that are here, or a source to fetch from."""

from collections.abc import AsyncIterator
from typing import Any, Self

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.api.schemas import DIGEST
from app.uploads.streaming import limit_stream

LARGEST = 1 << 20  # bytes of the JSON
MOST_FILES = 1000


class FileReference(BaseModel):
    """A stored file, by its digest or by its upload."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["sha256"]}, {"required": ["upload"]}]}
    )

    name: str = Field("", max_length=1000)
    sha256: str = Field("", pattern=r"^[0-9a-f]{64}$")
    upload: str = Field("", pattern=r"^[0-9a-f]{32}$")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.sha256) == bool(self.upload):
            raise ValueError("name the file either by its sha256 or by its upload")
        return self


class Reference(BaseModel):
    """A checkpoint made of stored files, or of a source."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["files"]}, {"required": ["source"]}]}
    )

    name: str = Field("", max_length=255, description="Its name.")
    files: list[FileReference] = Field([], min_length=1, max_length=MOST_FILES)
    source: str = Field(
        "", min_length=1, max_length=2000, description="file:///…, s3://bucket/prefix, hf://org/name@revision"
    )

    part: str = Field(
        "", max_length=1000, description="A copy of the weights in the files, such as ema: the checkpoint is that copy."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.files) == bool(self.source):
            raise ValueError("name either files or a source")
        return self


def _schema() -> dict[str, Any]:
    schema = Reference.model_json_schema()
    file = schema.pop("$defs")["FileReference"]
    schema["properties"]["files"]["items"] = file
    for properties in (schema["properties"], file["properties"]):
        for field in properties.values():
            field.pop("default", None)
    return schema


SCHEMA = _schema()
EXAMPLES: dict[str, Any] = {
    "files": {"value": {"name": "run 7", "files": [{"name": "model.safetensors", "sha256": DIGEST}]}},
    "source": {"value": {"source": "s3://models/run-7"}},
}


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


async def read(stream: AsyncIterator[bytes]) -> Reference:
    """The body. Raises RequestValidationError and TooLarge."""
    body = b"".join([chunk async for chunk in limit_stream(stream, LARGEST)])
    try:
        return Reference.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error
