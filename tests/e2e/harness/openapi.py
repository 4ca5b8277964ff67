"""Checks answers of the Engine API against its published descriptions: status, field names, types, null against empty.

A field that the description does not name is an error; so is null where it does not say `x-nullable`. Where the description itself is known
to be wrong, EXCEPTIONS says so, each with its reason: they are what Docker's own engine answers.
"""
import functools
import json
import pathlib
import re

import yaml

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "data/docker-api"
VERSIONS = ("1.41", "1.44", "1.47")
METHODS = ("get", "head", "post", "put", "delete")

# (where, what): where is "Definition.field", or "METHOD /path" with ".field" behind it; what is null, unknown, type or status.
EXCEPTIONS = {
    ("GET /exec/{id}/json.ExitCode", "null"): "before it has ended",
    ("POST /containers/{id}/attach", "409"): "a paused or restarting container",
    ("EventMessage.status", "unknown"): "kept for old clients up to 1.51: the action again",
    ("EventMessage.id", "unknown"): "kept for old clients up to 1.51: Actor.ID again",
    ("EventMessage.from", "unknown"): "kept for old clients up to 1.51: the image",
    ("POST /volumes/create", "404"): "as the engine answers for a driver that is not there",
    ("POST /volumes/create", "409"): "as the engine answers for a name that another driver has",
    ("POST /networks/create", "409"): "409 when the name is taken, as the engine answers; the description forgot it",
    ("PluginsInfo.Authorization", "null"): "the engine says null when there are none",
    ("ImageSummary.Labels", "null"): "the engine says null for an image without labels",
    ("ImageConfig.Env", "null"): "the engine says null for what an image does not have",
    ("ImageConfig.Cmd", "null"): "the engine says null for what an image does not have",
    ("ImageConfig.Entrypoint", "null"): "likewise",
    ("ImageConfig.Volumes", "null"): "likewise",
    ("ImageConfig.Labels", "null"): "likewise",
    ("ContainerConfig.Env", "null"): "the engine says null for what is not set, most of all in the empty ContainerConfig of an image up to 1.44",
    ("ContainerConfig.Cmd", "null"): "likewise",
    ("ContainerConfig.Entrypoint", "null"): "likewise",
    ("ContainerConfig.Volumes", "null"): "likewise",
    ("ContainerConfig.Labels", "null"): "likewise",
    ("POST /images/prune.ImagesDeleted", "null"): "the engine says null when there was nothing to delete",
    ("POST /images/create", "403"): "as the engine answers for the reserved name scratch",
    ("POST /build", "404"): "as the engine answers for a network that is not there",
    ("GET /images/json", "404"): "as the engine answers for before and since with an image that is not there",
    ("GET /distribution/{name}/json", "404"): "as the engine answers for what the registry does not have",
    ("SystemInfo.GenericResources", "null"): "the engine says null outside a swarm",
    ("RegistryServiceConfig.AllowNondistributableArtifactsCIDRs", "null"): "no longer in use: the engine says null",
    ("RegistryServiceConfig.AllowNondistributableArtifactsHostnames", "null"): "no longer in use: the engine says null",
    ("POST /containers/{id}/pause", "409"): "the engine calls it a conflict when the container is paused already, or does not run",
    ("POST /containers/{id}/start", "409"): "the engine calls it a conflict when the container is paused",
    ("GET /containers/{id}/top", "409"): "the engine calls it a conflict when the container does not run",
}
# Answers of any number of documents, none included.
STREAMS = {"/events", "/build", "/images/create", "/images/load", "/images/{name}/push"}
# Statuses that any operation may answer besides those that its description lists.
COMMON_STATUSES = {400: "bad parameter", 405: "no such method", 408: "the client was too slow", 413: "body too large", 431: "header too large",
                   500: "server error", 501: "refused by name", 503: "not now"}


class Description:
    """One version of the API."""

    def __init__(self, version):
        self.version = version
        document = yaml.load((FOLDER / f"v{version}.yaml").read_text(), yaml.CSafeLoader)
        self.definitions = document["definitions"]
        self.operations = []  # (method, path, pattern, operation), those with most literal text first
        for path, methods in document["paths"].items():
            pattern = re.compile("".join("(.+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path)) + "$")
            for method in METHODS:
                if method in methods:
                    self.operations.append((method.upper(), path, pattern, methods[method]))
        self.operations.sort(key=lambda row: -len(re.sub(r"\{[^}]*\}", "", row[1])))

    def find(self, method, path):
        """(path of the description, operation), or nothing."""
        for candidate, template, pattern, operation in self.operations:
            if candidate == method and pattern.match(path):
                return template, operation
        return None


@functools.cache
def description(version):
    """The newest description that is not newer than a version; the newest for none."""
    number = [int(part) for part in version.split(".")] if version else [99]
    fitting = [v for v in VERSIONS if [int(part) for part in v.split(".")] <= number]
    return Description((fitting or VERSIONS)[-1 if fitting else 0])


class Checker:
    """Walks one answer; collects problems as text."""

    def __init__(self, api, place):
        self.api, self.place, self.problems = api, place, []

    def problem(self, where, what, path, text):
        if (where, what) not in EXCEPTIONS:
            self.problems.append(f"{self.place}: {path or 'body'}: {text} [{where}]")

    def resolve(self, schema, where):
        while "$ref" in schema:
            where = schema["$ref"].rsplit("/", 1)[1]
            schema = self.api.definitions[where]
        return schema, where

    def flatten(self, schema, where):
        """allOf as one schema; each property with the name of the definition that it comes from."""
        schema, where = self.resolve(schema, where)
        properties = {name: (field, f"{where}.{name}") for name, field in schema.get("properties", {}).items()}
        required, extra, typed = set(schema.get("required", ())), schema.get("additionalProperties"), schema.get("type")
        for part in schema.get("allOf", ()):
            inner = self.flatten(part, where)
            properties = {**inner["properties"], **properties}
            required |= inner["required"]
            extra, typed = inner["extra"] if extra is None else extra, typed or inner["type"]
        return {"schema": schema, "where": where, "properties": properties, "required": required, "extra": extra,
                "type": typed or ("object" if properties or extra else None)}

    def check(self, schema, value, where, path=""):
        nullable = schema.get("x-nullable")
        flat = self.flatten(schema, where)
        if value is None:
            if not (nullable or flat["schema"].get("x-nullable")):
                self.problem(where, "null", path, "null where the description does not allow it")
            return
        check = {"object": self.object, "array": self.array, "string": self.string, "integer": self.integer, "number": self.number,
                 "boolean": self.boolean}.get(flat["type"])
        if check:
            check(flat, value, flat["where"] if flat["where"] != where and "." not in where else where, path)

    def wrong(self, where, path, value, wanted):
        self.problem(where, "type", path, f"{json.dumps(value)[:80]} is no {wanted}")

    def object(self, flat, value, where, path):
        if not isinstance(value, dict):
            return self.wrong(where, path, value, "object")
        for name in sorted(flat["required"] - value.keys()):
            self.problem(f"{flat['where']}.{name}", "missing", path, f"{name} is required")
        for name, member in value.items():
            inner = f"{path}.{name}" if path else name
            if name in flat["properties"]:
                field, source = flat["properties"][name]
                self.check(field, member, source, inner)
            elif isinstance(flat["extra"], dict):
                self.check(flat["extra"], member, f"{where}.*", inner)
            elif flat["properties"] and flat["extra"] is not True:
                self.problem(f"{flat['where']}.{name}", "unknown", inner, "the description does not name it")

    def array(self, flat, value, where, path):
        if not isinstance(value, list):
            return self.wrong(where, path, value, "array")
        for index, element in enumerate(value):
            self.check(flat["schema"].get("items", {}), element, f"{where}[]", f"{path}[{index}]")

    def string(self, flat, value, where, path):
        if not isinstance(value, str):
            return self.wrong(where, path, value, "string")
        if value and "enum" in flat["schema"] and value not in flat["schema"]["enum"]:
            self.problem(where, "enum", path, f"{value!r} is not among {', '.join(flat['schema']['enum'])}")

    def integer(self, flat, value, where, path):
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(where, path, value, "integer")

    def number(self, flat, value, where, path):
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            self.wrong(where, path, value, "number")

    def boolean(self, flat, value, where, path):
        if not isinstance(value, bool):
            self.wrong(where, path, value, "boolean")


def documents(text):
    """The JSON values of a body: one, or those of a stream. The last one of a stream that was cut is left out."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def split_version(target):
    path = target.split("?", 1)[0]
    match = re.match(r"/v(\d+\.\d+)(/.*)$", path)
    return (match.group(1), match.group(2)) if match else ("", path)


def check_exchange(method, target, status, content_type, body, whole=True):
    """Problems of one answer, as sentences. `body` is bytes; whole: none of it is missing."""
    version, path = split_version(target)
    if path.startswith("/v1/"):
        return []  # the native API
    api = description(version)
    place = f"{method} {path} ({api.version}) {status}"
    if status >= 400:
        return check_error(api, place, method, path, status, body, whole)
    found = api.find(method, path)
    if not found:
        return [f"{place}: no such operation in the description"]
    template, operation = found
    where = f"{method} {template}"
    responses = operation["responses"]
    if status not in responses:
        return [] if (where, "status") in EXCEPTIONS or status == 101 else [f"{place}: status is none of {', '.join(map(str, responses))}"]
    schema = responses[status].get("schema")
    if method == "HEAD" or status == 101 or not schema:
        return []
    checker = Checker(api, place)
    if schema.get("type") == "string":
        return []  # text or a stream of bytes
    try:
        values = documents(body.decode())
    except ValueError as error:
        return [f"{place}: body is no JSON: {error}"] if whole else []
    for value in values:
        checker.check(schema, value, where)
    return checker.problems if values or not whole or template in STREAMS else [f"{place}: the body is empty"]


def check_error(api, place, method, path, status, body, whole):
    """An error is {"message": "…"} with a status that the operation may have."""
    found = api.find(method, path)
    problems = []
    if found and status not in found[1]["responses"] and status not in COMMON_STATUSES and (f"{method} {found[0]}", f"{status}") not in EXCEPTIONS:
        problems.append(f"{place}: status is none of {', '.join(map(str, found[1]['responses']))}")
    if method == "HEAD" or not whole:
        return problems
    try:
        error = json.loads(body)
    except ValueError:
        return [*problems, f"{place}: body is no JSON: {body[:80]!r}"]
    if not isinstance(error, dict) or not isinstance(error.get("message"), str) or not error["message"]:
        problems.append(f"{place}: an error has a message: {body[:200]!r}")
    elif set(error) - {"message"} and "containers/create" not in path:
        problems.append(f"{place}: an error has a message and nothing else: {body[:200]!r}")
    return problems
