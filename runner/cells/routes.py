"""Find, by verb and path, which annotated cells answer a request.

The rules of this file:

1. A segment of a path that begins with a colon is a parameter: it takes one whole,
   non-empty segment of what is asked, decoded only after the path was split.
2. A literal segment goes before a parameter, from left to right. So it is in Kernel
   Gateway, which sorts by the place of the first parameter.
3. A path that is known, but not with this verb, is 405 with ``Allow``; any other 404.
4. HEAD is answered by the cells of GET, unless it has its own.
"""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

Target = TypeVar("Target")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RouteMatch(Generic[Target]):
    """Say who answers a request.

    Attributes:
        target: What was added for the verb and path; None if nobody answers.
        parameters: The values of the path's parameters.
        allowed: The verbs that the path has; empty if there is no such path.
    """

    target: Target | None = None
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    allowed: tuple[str, ...] = ()


@dataclasses.dataclass(kw_only=True)
class _Route(Generic[Target]):
    segments: list[str]
    targets: dict[str, Target]

    def match(self, asked: list[str]) -> dict[str, str] | None:
        """Give the values of the parameters; None if the path is another."""
        if len(asked) != len(self.segments):
            return None
        values: dict[str, str] = {}
        for segment, value in zip(self.segments, asked, strict=True):
            if is_parameter(segment):
                if not value:
                    return None
                values[segment[1:]] = value
            elif segment != value:
                return None
        return values


class RouteTable(Generic[Target]):
    """Hold the paths of one notebook's annotated cells."""

    def __init__(self) -> None:
        self._literal: dict[str, _Route[Target]] = {}
        self._routes: dict[str, _Route[Target]] = {}

    def add(self, verb: str, path: str, target: Target) -> None:
        """Have a target answer a verb and path; the last one added counts."""
        route = self._routes.get(path)
        if route is None:
            route = _Route(segments=segments_of(path), targets={})
            self._routes = _literals_first({**self._routes, path: route})
            if not any(map(is_parameter, route.segments)):
                self._literal[path] = route
        route.targets[verb] = target

    def find(self, verb: str, path: str) -> RouteMatch[Target]:
        """Find who answers.

        Args:
            verb: The request's method.
            path: The request's path as it came: not decoded, without the query.
        """
        route = self._literal.get(path)
        if route is not None and verb in route.targets:  # nothing goes before it
            return RouteMatch(target=route.targets[verb])
        return self._search(verb, [urllib.parse.unquote(part) for part in path.split("/")[1:]])

    def paths(self) -> Iterable[tuple[str, list[str]]]:
        """List each path with its verbs."""
        return [(path, list(route.targets)) for path, route in self._routes.items()]

    def _search(self, verb: str, asked: list[str]) -> RouteMatch[Target]:
        allowed: set[str] = set()
        for wanted in (verb, "GET") if verb == "HEAD" else (verb,):
            for route in self._routes.values():
                values = route.match(asked)
                if values is None:
                    continue
                if wanted in route.targets:
                    return RouteMatch(target=route.targets[wanted], parameters=values)
                allowed.update(route.targets)
        return RouteMatch(allowed=_with_implied(allowed))


def segments_of(path: str) -> list[str]:
    """Split a path as it stands in an annotation.

    Raises:
        ValueError: A parameter has no name, or two have the same.
    """
    segments = path.split("/")[1:]
    names = [segment[1:] for segment in segments if is_parameter(segment)]
    if "" in names:
        raise ValueError(f"{path}: a parameter has no name; write it as `:name`")
    if len(names) != len(set(names)):
        raise ValueError(f"{path}: two parameters have the same name")
    return segments


def is_parameter(segment: str) -> bool:
    """Tell a parameter from a literal segment."""
    return segment.startswith(":")


def swagger_document(title: str, paths: Iterable[tuple[str, list[str]]]) -> dict[str, Any]:
    """Describe an API in Swagger 2.0, as Kernel Gateway does, but with its parameters."""
    return {
        "swagger": "2.0",
        "info": {"version": "0.0.0", "title": title},
        "paths": {_swagger_path(path): _operations(path, verbs) for path, verbs in paths},
    }


def _operations(path: str, verbs: list[str]) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    names = [segment[1:] for segment in segments_of(path) if is_parameter(segment)]
    if names:
        shared["parameters"] = [
            {"name": name, "in": "path", "required": True, "type": "string"} for name in names
        ]
    done = {"responses": {"200": {"description": "Success"}}}
    return {verb.lower(): done for verb in verbs} | shared


def _swagger_path(path: str) -> str:
    return "".join(
        f"/{{{segment[1:]}}}" if is_parameter(segment) else f"/{segment}"
        for segment in segments_of(path)
    )


def _literals_first(routes: dict[str, _Route[Target]]) -> dict[str, _Route[Target]]:
    """Sort routes by rule 2; among alike ones the first stays first."""
    return dict(sorted(routes.items(), key=lambda item: [*map(is_parameter, item[1].segments)]))


def _with_implied(verbs: set[str]) -> tuple[str, ...]:
    if not verbs:
        return ()
    implied = {"OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())
    return tuple(sorted(verbs | implied))
