"""Asks a generator for a face and writes it to face.png: generate.py [HOST:PORT]. README.md has the commands."""

import sys
from pathlib import Path

import grpc
from deepface.v1 import generator_pb2, generator_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

SECONDS = 60


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50052"
    with grpc.insecure_channel(target) as channel:
        generator = generator_pb2_grpc.GeneratorServiceStub(channel)
        request = generator_pb2.GenerateFaceRequest(
            attributes=[
                generator_pb2.RequestedAttribute(name="Male"),
                generator_pb2.RequestedAttribute(name="Smiling"),
                generator_pb2.RequestedAttribute(name="Eyeglasses", absent=True),
            ],
            seeds=[7],
        )
        face = generator.GenerateFace(request, timeout=SECONDS).faces[0]
        Path("face.png").write_bytes(face.picture)
        for attribute in face.attributes:
            if attribute.present:
                print(f"{attribute.probability:6.1%}  {attribute.name}")

        wrong = generator_pb2.GenerateFaceRequest(attributes=[generator_pb2.RequestedAttribute(name="Smilng")], size=5)
        try:
            generator.GenerateFace(wrong, timeout=SECONDS)
        except grpc.RpcError as error:
            explain(error)


def explain(error: grpc.RpcError) -> None:
    """Prints the code of an error, and the fields that are wrong."""
    print(error.code().name)
    status = rpc_status.from_call(error)
    request = error_details_pb2.BadRequest()
    for detail in status.details if status else []:
        if detail.Unpack(request):
            for violation in request.field_violations:
                print(f"  {violation.field}: {violation.description}")


main()
