"""MIDI files byte by byte, for tests whose answer is known from the format alone."""

from __future__ import annotations

import struct

QUARTER = 480  # ticks


def number(value: int) -> bytes:
    """A number of variable length."""
    out = [value & 127]
    while value := value >> 7:
        out.insert(0, value & 127 | 128)
    return bytes(out)


def meta(kind: int, data: bytes, after: int = 0) -> bytes:
    return number(after) + bytes([0xFF, kind]) + number(len(data)) + data


def name(text: str, coding: str = "utf-8") -> bytes:
    return meta(0x03, text.encode(coding))


def tempo(per_minute: float, after: int = 0) -> bytes:
    return meta(0x51, round(6e7 / per_minute).to_bytes(3, "big"), after)


def port(index: int) -> bytes:
    return meta(0x21, bytes([index]))


def program(channel: int, index: int, after: int = 0) -> bytes:
    return number(after) + bytes([0xC0 | channel, index])


def control(channel: int, controller: int, value: int, after: int = 0) -> bytes:
    return number(after) + bytes([0xB0 | channel, controller, value])


def bend(channel: int, value: int, after: int = 0) -> bytes:
    """value: -8192 to 8191."""
    value += 8192
    return number(after) + bytes([0xE0 | channel, value & 127, value >> 7])


def on(channel: int, key: int, velocity: int = 80, after: int = 0) -> bytes:
    return number(after) + bytes([0x90 | channel, key, velocity])


def off(channel: int, key: int, after: int = 0) -> bytes:
    return number(after) + bytes([0x80 | channel, key, 0])


def notes(channel: int, *keys: int, each: int = QUARTER) -> bytes:
    """One after the other."""
    return b"".join(on(channel, key) + off(channel, key, each) for key in keys)


def rest(channel: int, quarters: int) -> bytes:
    """Time in which nothing happens."""
    return control(channel, 3, 0, quarters * QUARTER)


def midi(*tracks: bytes, kind: int = 1, division: bytes = struct.pack(">H", QUARTER)) -> bytes:
    data = b"MThd" + struct.pack(">IHH", 6, kind, len(tracks)) + division
    for track in tracks:
        track += meta(0x2F, b"")
        data += b"MTrk" + struct.pack(">I", len(track)) + track
    return data
