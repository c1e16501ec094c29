"""What a JSON value has to look like, written beside its field, and one such value to begin with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

Schema = Mapping[str, Any]

#: A schema comes from Redis: so deep and so long is what is shown of it.
MAX_DEPTH, MAX_MEMBERS, MAX_CHOICES, MAX_SHAPE = 6, 40, 12, 3000
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
_WORDS = {"string": "text", "boolean": "true | false"}
_FORMATS = {
    "date": "2026-01-31", "date-time": "2026-01-31T09:30:00Z", "time": "09:30:00", "duration": "PT1H30M",
    "uuid": "00000000-0000-4000-8000-000000000000", "email": "name@example.com", "uri": "https://example.com",
}  # fmt: skip


def shape(schema: Schema) -> str:
    """The schema as one would write the value: `{ city: text, zip?: integer | null }`, a member a line."""
    text = _Writer(_definitions(schema)).write(schema, 0)
    return text if len(text) <= MAX_SHAPE else text[:MAX_SHAPE] + "…"


def example(schema: Schema) -> Any:
    """A value of the right form: defaults where there are some, else the simplest of each type."""
    return _Maker(_definitions(schema)).make(schema, 0)


def _definitions(schema: Schema) -> Schema:
    found = schema.get("$defs")
    return cast("Schema", found) if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class _Resolver:
    definitions: Schema

    def _behind(self, schema: Schema) -> Schema:
        """What a reference stands for."""
        for _ in range(MAX_DEPTH):
            if "$ref" not in schema:
                break
            name = str(schema["$ref"]).rpartition("/")[2]
            schema = {**self._dict(self.definitions, name), **{k: v for k, v in schema.items() if k != "$ref"}}
        return schema

    @staticmethod
    def _dict(schema: Schema, name: str) -> dict[str, Any]:
        found = schema.get(name)
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    @staticmethod
    def _schemas(schema: Schema, *names: str) -> list[Schema]:
        found: list[Any] = next((schema[name] for name in names if isinstance(schema.get(name), list)), list[Any]())
        return [cast("Schema", one) for one in found if isinstance(one, dict)]


class _Writer(_Resolver):
    def write(self, schema: Schema, depth: int) -> str:
        schema = self._behind(schema)
        if depth > MAX_DEPTH:
            return "…"
        if branches := self._schemas(schema, "anyOf", "oneOf"):
            return " | ".join(dict.fromkeys(self.write(branch, depth) for branch in branches[:MAX_CHOICES]))
        if "const" in schema:
            return _json(schema["const"])
        if isinstance(schema.get("enum"), list):
            return " | ".join(map(_json, schema["enum"][:MAX_CHOICES]))
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case str(kind):
                return _scalar(kind, schema)
            case _:
                return "any value"

    def _object(self, schema: Schema, depth: int) -> str:
        members = self._dict(schema, "properties")
        if not members:
            values = schema.get("additionalProperties")
            return (
                f"{{ …: {self.write(cast('Schema', values), depth + 1) if isinstance(values, dict) else 'any value'} }}"
            )
        required = schema.get("required")
        needed = set(map(str, cast("list[Any]", required))) if isinstance(required, list) else set[str]()
        inside, lines = "  " * (depth + 1), list[str]()
        for name, inner in list(members.items())[:MAX_MEMBERS]:
            what = self.write(cast("Schema", inner), depth + 1) if isinstance(inner, dict) else "any value"
            lines.append(f"{inside}{name}{'' if name in needed else '?'}: {what}")
        if len(members) > MAX_MEMBERS:
            lines.append(f"{inside}… {len(members) - MAX_MEMBERS} more")
        return "{\n" + "\n".join(lines) + f"\n{'  ' * depth}}}"

    def _array(self, schema: Schema, depth: int) -> str:
        if places := self._schemas(schema, "prefixItems"):
            return "[" + ", ".join(self.write(place, depth + 1) for place in places[:MAX_CHOICES]) + "]"
        items = schema.get("items")
        inner = self.write(cast("Schema", items), depth) if isinstance(items, dict) else "any value"
        return f"[ {inner}, … ]"


class _Maker(_Resolver):
    def make(self, schema: Schema, depth: int) -> Any:
        schema = self._behind(schema)
        if "default" in schema:
            return schema["default"]
        if branches := self._schemas(schema, "anyOf", "oneOf"):
            return self.make(branches[0], depth)
        if "const" in schema:
            return schema["const"]
        choices: Any = schema.get("enum")
        if isinstance(choices, list) and choices:
            return cast("list[Any]", choices)[0]
        return self._of_type(schema, depth)

    def _of_type(self, schema: Schema, depth: int) -> Any:
        match schema.get("type"):
            case "object" if depth < MAX_DEPTH:
                members = list(self._dict(schema, "properties").items())[:MAX_MEMBERS]
                return {n: self.make(cast("Schema", m), depth + 1) for n, m in members if isinstance(m, dict)}
            case "array" if depth < MAX_DEPTH:
                places = self._schemas(schema, "prefixItems")
                items = schema.get("items")
                return [self.make(one, depth + 1) for one in places or ([items] if isinstance(items, dict) else [])]
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case "null":
                return None
            case "string":
                return _FORMATS.get(str(schema.get("format")), "text")
            case _:
                return {}


def _scalar(kind: str, schema: Schema) -> str:
    word = str(schema.get("format") or _WORDS.get(kind, kind)) if kind == "string" else _WORDS.get(kind, kind)
    bounds = [f"{sign} {schema[name]}" for name, sign in _BOUNDS.items() if name in schema]
    return " ".join([word, *bounds])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
