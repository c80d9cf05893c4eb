"""The OpenAPI document: what the framework derives, with every refusal described as the problem document that it is.

Decides descriptions only; changes no behaviour.
"""

from typing import Any, Final

from fastapi import FastAPI

from market.api.problems import MEDIA_TYPE, http_example

FRAMEWORKS_OWN: Final = ("HTTPValidationError", "ValidationError")
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}


def install(api: FastAPI) -> None:
    """Make the application describe itself so."""
    derive = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _with_problems(derive())
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign] # the framework's own way to change the document


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    _as_problem(int(status), response)
    for name in FRAMEWORKS_OWN:
        document["components"]["schemas"].pop(name, None)
    return document


def _as_problem(status: int, response: dict[str, Any]) -> None:
    examples = response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {})
    if status == 422:
        examples = {"InvalidRequest": http_example(status), **examples}
    response["content"] = {MEDIA_TYPE: {"schema": PROBLEM, "examples": examples}}
