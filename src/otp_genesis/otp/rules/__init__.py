"""Every module here holds one rule; adding the file adds the rule."""

import importlib
import inspect
import pkgutil

from otp_genesis.otp.rule import Rule


def all_rules() -> tuple[Rule, ...]:
    """Return one instance of each rule in this folder, by code."""
    found: list[Rule] = []
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        module = importlib.import_module(f"{__name__}.{name}")
        found += [
            member()
            for member in vars(module).values()
            if inspect.isclass(member)
            and issubclass(member, Rule)
            and member.__module__ == module.__name__
        ]
    return tuple(sorted(found, key=lambda rule: rule.code))
