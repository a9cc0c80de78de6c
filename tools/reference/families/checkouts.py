"""The families' own code, from checkouts beside this repository. It is read and run, never edited."""

import importlib
import sys
import types
from contextlib import contextmanager
from pathlib import Path

SOURCES = {
    "mae": ("facebookresearch/mae", "efb2a8062c206524e35e47d04501ed4f544c0ae8"),
    "SimMIM": ("microsoft/SimMIM", "d3e29bcac950b83edc34ca33fe4404f38309052c"),
    "unilm": ("microsoft/unilm", "768a3c873f598bb9b4d4dfb9267b099e35f8fe56"),
    "EVA": ("baaivision/EVA", "5623d08bb08a8268c7bc18e1d9b8b4bd651fe4d9"),
    "dino": ("facebookresearch/dino", "7c446df5b9f45747937fb0d72314eb9f7b66930a"),
    "moco-v3": ("facebookresearch/moco-v3", "c349e6e24f40d3fedb22d973f92defa4cedf37a7"),
    "ibot": ("bytedance/ibot", "da316d82636a7a7356835ef224b13d5f3ace0489"),
    "dinov2": ("facebookresearch/dinov2", "b8931f7bf91576930313be2c6d6af376033b35f0"),
    "dinov3": ("facebookresearch/dinov3", "6876159a11b4df116f30f667f8c9888617df0751"),
    "ijepa": ("facebookresearch/ijepa", "52c1ae95d05f743e000e8f10a1f3a79b10cff048"),
    "capi": ("facebookresearch/capi", "98b4fa17ee8eec8810c17022df9a27a44845368b"),
    "CLIP": ("openai/CLIP", "d05afc436d78f1c48dc0dbf8e5980a9d471f35f6"),
    "ml-aim": ("apple/ml-aim", "bd9e06893f3ad68bda56b34ac2158fda2680b7fc"),
}


def describe() -> str:
    """Where each checkout comes from, and the commit that the fixtures were made with."""
    return "\n".join(f"{name}: https://github.com/{owner} at {commit}" for name, (owner, commit) in SOURCES.items())


class Checkouts:
    """A folder with a checkout of each source, under its name in SOURCES."""

    def __init__(self, folder: Path):
        self.folder = folder

    def load(self, source: str, name: str, under: tuple[str, ...] = ("",), stubs: dict[str, dict] | None = None):
        """The module `name` of a checkout's folders `under`. `stubs` are modules that it imports and makes no use of.

        Several checkouts have a `utils` or a `models`; each is forgotten once what needed it has it.
        """
        root = self.folder / source
        if not root.is_dir():
            owner, commit = SOURCES[source]
            sys.exit(f"{root} is missing: git clone https://github.com/{owner} {source}, at commit {commit}")
        before, path = set(sys.modules), list(sys.path)
        sys.path[:0] = [str(root / folder) for folder in under]
        try:
            with stubbed(stubs or {}):
                return importlib.import_module(name)
        finally:
            sys.path[:] = path
            new = {name: origins(sys.modules[name]) for name in set(sys.modules) - before}
            for name, places in new.items():
                if any(str(root) in str(place) for place in places):
                    del sys.modules[name]


def origins(module) -> list:
    """Files and folders that a module is from."""
    return [getattr(module, "__file__", None), *getattr(module, "__path__", [])]


@contextmanager
def stubbed(stubs: dict[str, dict]):
    """Modules with these attributes stand in for ones that aren't installed."""
    added = [name for name in stubs if name not in sys.modules]
    for name in added:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(stubs[name])
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
