"""Runs the programs as their users do, and reads the caches that `extract` writes."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import numpy

WRONG_USE = 64


class WrongUse(Exception):
    """The program does not know an option or a value; another version of it may."""


def find(path):
    path = pathlib.Path(path)
    if not path.is_file():
        raise SystemExit(f"{path}: is not there; build it with: swift build -c release --product {path.name}")
    return path.resolve()


def bytes_of(maximum_resident):
    """`ru_maxrss` is in units of 1024 bytes, on macOS in bytes."""
    return maximum_resident * (1 if sys.platform == "darwin" else 1024)


class AnonymousMemory:
    """The most memory of a process that is no mapped file's; 0 where the system does not tell."""

    INTERVAL = 0.01

    def __init__(self, process):
        self.peak, self.ended = 0, threading.Event()
        self.status = pathlib.Path(f"/proc/{process}/status")
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(self.INTERVAL):
            with contextlib.suppress(OSError, StopIteration):
                line = next(line for line in self.status.read_text().splitlines() if line.startswith("RssAnon"))
                self.peak = max(self.peak, 1024 * int(line.split()[1]))

    def close(self):
        self.ended.set()
        self.thread.join()
        return self.peak


def execute(command, environment=None):
    """Runs a program to its end.

    Returns its output, and of the whole process wall seconds, peak bytes and, without mapped files, peak anonymous bytes.
    """
    command = [str(part) for part in command]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    memory = AnonymousMemory(process.pid)
    # The program prints a page at most, so that neither pipe fills while the other is read.
    output, messages = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall, anonymous = time.perf_counter() - start, memory.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == WRONG_USE:
        raise WrongUse(messages.strip())
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: ended with {process.returncode}\n{messages.strip()}")
    return output, {
        "wall_seconds": wall, "peak_bytes": bytes_of(usage.ru_maxrss), "peak_anonymous_bytes": anonymous,
    }  # fmt: skip


def encode(program, checkpoint, images, cache, options, environment=None):
    """Encodes a folder into a cache, which is made anew.

    Returns a dictionary: images; seconds, of the program's own clock, which starts when the weights are loaded; wall
    seconds and peak bytes of the whole process.
    """
    shutil.rmtree(cache, ignore_errors=True)
    command = [program, "tokens", "--finetune", checkpoint, "--data-path", images, "--output-dir", cache]
    output, usage = execute([*command, "--json", "--quiet", "--strict", *options], environment)
    result = json.loads(output)
    return {"images": result["encoded"], "seconds": result["seconds"]} | usage


class Cache:
    """A cache's tokens, read by the offsets in its manifest."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        self.config = self.manifest["config"]

    def tokens(self, rows=None, block=None):
        """[N, T, D], in single precision, of all rows or of some, of a stored block; by default of the last."""
        blocks = self.config["blocks"]
        place = len(blocks) - 1 if block is None else blocks.index(block)
        if rows is None:
            return numpy.concatenate([self._tokens(shard, slice(None), place) for shard in self.manifest["shards"]])
        starts = numpy.array([shard["row_start"] for shard in self.manifest["shards"]])
        shards = numpy.searchsorted(starts, rows, side="right") - 1
        return numpy.stack([
            self._tokens(self.manifest["shards"][shard], slice(row - starts[shard], row - starts[shard] + 1), place)[0]
            for shard, row in zip(shards, rows)
        ])

    def attention(self, rows, name):
        """[N, H, P] in float16, of some rows: `cls_attention`, or with H = 4 `center_attention`."""
        starts = numpy.array([shard["row_start"] for shard in self.manifest["shards"]])
        shards = numpy.searchsorted(starts, rows, side="right") - 1
        return numpy.stack([
            self._column(self.manifest["shards"][shard], name, "<f2")[row - starts[shard]]
            for shard, row in zip(shards, rows)
        ])

    def parts(self):
        """All tokens, a shard at a time."""
        return (self._tokens(shard, slice(None), -1) for shard in self.manifest["shards"])

    def _column(self, shard, name, kind):
        placement = shard["datasets"][name]
        path = self.folder / shard["name"]
        return numpy.memmap(path, kind, "r", placement["offset"], tuple(placement["shape"]))

    def _tokens(self, shard, rows, place):
        blocks = self.config["blocks"]
        name = "tokens" if place in (-1, len(blocks) - 1) else f"tokens_block_{blocks[place]:02}"
        kind = shard["datasets"][name]["type"]
        if kind == "bfloat16":
            upper = self._column(shard, name, "<u2")[rows].astype("<u4") << 16
            return upper.view("<f4")
        if kind == "int8":
            # A list for each stored block.
            channels = numpy.asarray(self.config["precision"]["channel_scales"][place], "<f4")
            scales = self._column(shard, f"{name}_scale", "<f4")[rows]
            return self._column(shard, name, "i1")[rows] * scales[:, :, None] * channels
        return self._column(shard, name, {"float16": "<f2", "float32": "<f4"}[kind])[rows].astype("<f4")
