"""The examples of this README.md, and of the repository's, run as they are."""

import re
from pathlib import Path

import pytest
from conftest import Services

from deepface_client import Face

FOLDERS = [Path(__file__).resolve().parents[level] for level in (1, 3)]
READMES = [file.read_text("utf-8") for file in (folder / "README.md" for folder in FOLDERS) if file.is_file()]
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", "\n".join(READMES), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.splitlines()[-1].strip()))
def test_an_example_runs(
    example: str, services: Services, face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    face.save("face.png")
    for kind, url in (("Classifier", services.classifier), ("Generator", services.generator)):
        example = re.sub(rf'\b{kind}\(("127[^"]*")?', f'{kind}("{url}"', example)
    exec(compile(example, "README.md", "exec"), {})
