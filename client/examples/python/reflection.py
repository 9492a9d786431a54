"""Generates face.png without stubs, from what the server says of itself: reflection.py [HOST:PORT]."""

import sys
from pathlib import Path

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

REQUEST = {
    "attributes": [{"name": "Male"}, {"name": "Smiling"}, {"name": "Eyeglasses", "absent": True}],
    "seeds": [7],
}


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50052"
    with grpc.insecure_channel(target) as channel:
        # The pool asks the server for each file that it lacks.
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        service = pool.FindServiceByName("deepface.v1.GeneratorService")
        print("methods:", ", ".join(method.name for method in service.methods))

        method = service.FindMethodByName("GenerateFace")
        request_type, reply_type = map(message_factory.GetMessageClass, (method.input_type, method.output_type))
        call = channel.unary_unary(
            f"/{service.full_name}/{method.name}",
            request_serializer=request_type.SerializeToString,
            response_deserializer=reply_type.FromString,
        )
        face = call(json_format.ParseDict(REQUEST, request_type()), timeout=60).faces[0]
        Path("face.png").write_bytes(face.picture)
        for attribute in face.attributes:
            if attribute.present:
                print(f"{attribute.probability:6.1%}  {attribute.name}")


main()
