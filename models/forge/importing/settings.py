"""Turns the config.json of an official checkpoint into one of our config classes, and refuses what it does not know."""

from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any, get_args, get_type_hints

# Kept by transformers in every config; none changes what a forecast is.
HOUSEKEEPING = {
    "architectures",
    "auto_map",
    "dtype",
    "id2label",
    "init_std",
    "initializer_range",
    "is_encoder_decoder",
    "keys_to_ignore_at_inference",
    "label2id",
    "model_type",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "tie_word_embeddings",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "use_bfloat16",
    "use_cache",
    "use_return_dict",
}

NAMED = 5  # of a long list of unknown settings


class Settings:
    """The raw settings of one config.json, taken one by one; `done` refuses those that nobody took."""

    def __init__(self, raw: dict):
        self._raw = dict(raw)

    def take(self, name: str, default: Any = None) -> Any:
        return self._raw.pop(name, default)

    def expect(self, name: str, *allowed: Any) -> None:
        """Refuses a setting with a value that we do not know; an absent one is fine."""
        value = self._raw.pop(name, allowed[0])
        if value not in allowed or isinstance(value, bool) != isinstance(allowed[0], bool):
            raise ValueError(f"config.json: {name} is {value!r}, known: {', '.join(map(repr, allowed))}")

    def ignore(self, names: Collection[str]) -> None:
        for name in [name for name in self._raw if name in names or name.startswith("_")]:
            del self._raw[name]

    def build(self, kind: type, **given: Any) -> Any:
        """An instance of a config class from the settings of the same names; `given` are already translated."""
        hints, values = get_type_hints(kind), dict(given)
        for field in fields(kind):
            if field.name in given or field.name not in self._raw:
                continue
            values[field.name] = _checked(field.name, self._raw.pop(field.name), hints[field.name])
        missing = [
            field.name
            for field in fields(kind)
            if field.default is MISSING and field.default_factory is MISSING and field.name not in values
        ]
        if missing:
            raise ValueError(f"config.json: {', '.join(missing)} is missing")
        try:
            return kind(**values)
        except ValueError as error:
            raise ValueError(f"config.json: {error}") from error

    def done(self) -> None:
        if self._raw:
            unknown = [f"{name} = {value!r}" for name, value in self._raw.items()]
            more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
            raise ValueError(f"config.json: unknown setting {', '.join(unknown[:NAMED])}{more}")


def _checked(name: str, value: Any, hint: Any) -> Any:
    kinds = get_args(hint) if type(None) in get_args(hint) else (hint,)
    if value is None and type(None) in kinds:
        return None
    kind = next(one for one in kinds if one is not type(None))
    if get_args(kind):  # tuple[int, ...] and the like
        inner = get_args(kind)[0]
        if not isinstance(value, list | tuple):
            raise ValueError(f"config.json: {name} is {value!r}, not a list")
        return tuple(_checked(name, one, inner) for one in value)
    if not _ACCEPTS[kind](value):
        raise ValueError(f"config.json: {name} is {value!r}, not {_NAMES[kind]}")
    return kind(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_ACCEPTS: dict[type, Callable[[Any], bool]] = {
    bool: lambda value: isinstance(value, bool) or value in (0, 1),
    int: lambda value: _is_whole(value) and value >= 0,
    float: lambda value: _is_whole(value) or isinstance(value, float),
    str: lambda value: isinstance(value, str),
}
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
