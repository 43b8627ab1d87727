"""The generated code and the messages that it was generated from."""

from __future__ import annotations

import subprocess
import sys

import pytest

from helpers.runtime import repository_root

SOURCE = "helpers/datasets/stems.proto"


def test_generating_again_gives_the_same_code_but_for_the_version_of_the_tool(tmp_path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    words = ["-W", "ignore", "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", SOURCE]
    subprocess.run([sys.executable, *words], cwd=repository_root(), check=True)
    again, committed = (
        (root / SOURCE.replace(".proto", "_pb2.py")).read_text().splitlines()
        for root in (tmp_path, repository_root())
    )
    # The first of these lines holds all messages with their fields.
    lines = [line for line in committed if "AddSerializedFile" in line or "_builder.Build" in line]
    assert len(lines) == 3 and set(lines) <= set(again)


def test_any_version_of_protobuf_may_load_the_code():
    """Code of newer generators refuses an older protobuf, such as that of Colab."""
    text = (repository_root() / "helpers/datasets/stems_pb2.py").read_text()
    assert "Protobuf Python Version: 4.25.1" in text and "ValidateProtobufRuntime" not in text
