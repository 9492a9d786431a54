"""Generates the stubs in `src/deepface_client/_proto` from the contract, or checks that they are up to date.

    pip install 'client/python[stubs]'
    python client/python/stubs.py            # writes them
    python client/python/stubs.py --check    # fails if they differ from the contract

The compiler names a module after the path of its .proto file, so the stubs would be a top-level package `deepface`: a
name that other projects use. They are moved into this package instead, and their imports with them. Only the names
inside protobuf's own registry stay `deepface.v1`, as they are on the wire.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONTRACT = HERE.parent.parent / "proto"
STUBS = HERE / "src" / "deepface_client" / "_proto"
SERVICES = ("classifier", "generator")


def generated() -> dict[str, str]:
    """Returns the text of every stub by its file name."""
    # The plugins are beside the interpreter, also where its environment is not activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    protos = sorted((CONTRACT / "deepface" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        plain = [f"--{kind}_out={folder}" for kind in ("python", "mypy")]
        grpc = [f"--{kind}_out={folder}" for kind in ("grpc_python", "mypy_grpc")]
        # Only files with a service: the others would get empty ones.
        for outputs, names in ((plain, protos), (grpc, [p for p in protos if p.stem in SERVICES])):
            compiler = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={CONTRACT}"]
            subprocess.run([*compiler, *outputs, *names], check=True, env=os.environ | {"PATH": path})
        files = sorted((Path(folder) / "deepface" / "v1").iterdir())
        return {file.name: moved(file.read_text("utf-8")) for file in files}


def moved(text: str) -> str:
    """Returns a stub with its imports changed to where it is."""
    text = text.replace("from deepface.v1 import ", "from deepface_client._proto import ")
    return re.sub(r"\bdeepface\.v1\.(\w+_pb2)\b", r"deepface_client._proto.\1", text)


def main() -> None:
    """Writes or checks."""
    wanted = generated()
    present = {file.name: file.read_text("utf-8") for file in STUBS.glob("*_pb2*.py*")}
    if sys.argv[1:] == ["--check"]:
        stale = sorted(name for name in wanted | present if wanted.get(name) != present.get(name))
        if stale:
            raise SystemExit(f"differ from the contract: {', '.join(stale)}; run stubs.py")
        return
    for name in present.keys() - wanted.keys():
        (STUBS / name).unlink()
    for name, text in wanted.items():
        (STUBS / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
