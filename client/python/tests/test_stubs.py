"""The stubs are those of the contract; `stubs.py --check` also compares their comments."""

from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

import deepface_client.v1 as _  # noqa: F401 - registers the stubs.

# Made from the .proto files by a test of deepface-proto.
CONTRACT = Path(__file__).resolve().parents[3] / "proto" / "src" / "gen" / "descriptor.binpb"


def without_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    # They follow from the names, and not every compiler fills them in.
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        without_json_names(nested)


def test_the_stubs_are_up_to_date() -> None:
    if not CONTRACT.is_file():
        pytest.skip("the contract is not there: this is not the repository")
    files = descriptor_pb2.FileDescriptorSet.FromString(CONTRACT.read_bytes()).file
    ours = [file for file in files if file.name.startswith("deepface/")]
    assert ours
    for file in ours:
        stub = descriptor_pb2.FileDescriptorProto()
        descriptor_pool.Default().FindFileByName(file.name).CopyToProto(stub)
        for description in (file, stub):
            description.ClearField("source_code_info")
            for message in description.message_type:
                without_json_names(message)
        assert stub == file, f"{file.name}: run stubs.py"
