"""examples/digits-image: scikit-learn's digits as PNG files, in every form in which a request may carry an image."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from pictures import encoded, recipe
from predictorserver import Server

MODEL = Path(__file__).parents[3] / "examples" / "digits-image" / "model.onnx"
Answer = list[dict[str, Any]]


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """The first picture of each digit, uint8 [10, 8, 8]."""
    images, labels = load_digits(return_X_y=True)
    first = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    return np.asarray(np.round(images[first] * 255 / 16).astype(np.uint8).reshape(10, 8, 8))


def best(pixels: np.ndarray) -> list[Answer]:
    """The three best of softmax over onnxruntime's own logits for uint8 [n, 8, 8]."""
    session = onnxruntime.InferenceSession(MODEL, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"image": (pixels / np.float32(255))[:, np.newaxis].astype(np.float32)})
    powers = np.exp(logits.astype(np.float64))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    return [
        [{"label": str(i), "score": pytest.approx(row[i], abs=1e-5)} for i in np.argsort(-row)[:3]]
        for row in probabilities
    ]


@pytest.fixture(scope="module")
def expected(pixels: np.ndarray) -> list[Answer]:
    return best(pixels)


@pytest.fixture(scope="module")
def files(pixels: np.ndarray) -> list[bytes]:
    return [encoded(Image.fromarray(digit)) for digit in pixels]


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_every_digit_in_every_form(
    digits_image: Server, pixels: np.ndarray, files: list[bytes], expected: list[Answer]
) -> None:
    for digit, (data, answer) in enumerate(zip(files, expected, strict=True)):
        forms: list[dict[str, Any]] = [
            {"json": {"image": text(data)}},
            {"json": {"image": f"data:image/png;base64,{text(data)}"}},
            {"json": {"image": {"b64": text(data)}}},
            {"json": {"image": pixels[digit].tolist()}},
            {"json": {"image": pixels[digit][:, :, np.newaxis].tolist()}},
            {"files": {"image": ("digit.png", data, "image/png")}},
            {"content": data, "headers": {"content-type": "image/png"}},
        ]
        for form in forms:
            found = digits_image.http.post("/predict", **form)
            assert found.status_code == 200, found.text
            assert found.json() == {"digit": answer}, form
        assert answer[0]["label"] == str(digit)


def test_a_tensor_passes_untouched(digits_image: Server, pixels: np.ndarray, expected: list[Answer]) -> None:
    tensor = (pixels[3] / 255).reshape(1, 8, 8).tolist()
    assert digits_image.http.post("/predict", json={"image": tensor}).json() == {"digit": expected[3]}


def test_batches(digits_image: Server, files: list[bytes], expected: list[Answer]) -> None:
    listed = digits_image.http.post("/predict", json={"image": [text(data) for data in files]})
    assert listed.json() == {"digit": expected}
    form = [("image", (f"{digit}.png", data, "image/png")) for digit, data in enumerate(files[:4])]
    assert digits_image.http.post("/predict", files=form).json() == {"digit": expected[:4]}


def test_larger_pictures_in_colour_are_resized(digits_image: Server, pixels: np.ndarray) -> None:
    read = 0
    for digit, small in enumerate(pixels):
        large = Image.fromarray(small).resize((160, 200), Image.Resampling.NEAREST).convert("RGB")
        data = encoded(large, "JPEG")
        found = digits_image.http.post("/predict", content=data, headers={"content-type": "image/jpeg"}).json()["digit"]
        assert [found] == best(
            recipe(data, resize=(8, 8), filter_=Image.Resampling.BICUBIC, mode="L")[np.newaxis, :, :, 0]
        )
        read += found[0]["label"] == str(digit)
    assert read >= 9  # it takes one blurred 5 for a 9


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("no base64!", "expected base64 of a JPEG, PNG or WEBP file"),
        (text(b"GIF89a"), "Invalid input value for 'image'"),
        ([[0.5] * 8] * 8, "Invalid input type for 'image'"),
    ],
)
def test_errors(digits_image: Server, body: Any, detail: str) -> None:
    found = digits_image.http.post("/predict", json={"image": body})
    assert found.status_code == 400
    assert detail in found.json()["detail"]
