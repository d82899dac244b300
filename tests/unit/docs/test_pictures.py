"""What compares the pictures of the docs with the page."""

from PIL import Image, ImageDraw

from pagebrowser.comparing import FEW, NEAR, difference


def drawn(text: str = "Answer", at: tuple[int, int] = (40, 20), ground: int = 240) -> Image.Image:
    image = Image.new("RGB", (200, 60), (ground, ground, ground))
    ImageDraw.Draw(image).text(at, text, fill="black", font_size=16)
    return image


def test_a_letter_a_pixel_and_a_colour_are_differences() -> None:
    for other in (drawn("Answers"), drawn(at=(41, 20)), drawn(ground=240 - NEAR - 1)):
        found = difference(drawn(), other)
        assert found.pixels > FEW
        assert not found.equal
        assert (255, 0, 0) in {color for _, color in found.image.getcolors(60000) or ()}


def test_what_rounding_does_and_what_is_in_a_box_are_none() -> None:
    assert difference(drawn(), drawn(ground=240 - NEAR)).equal
    assert difference(drawn(), drawn("9.5 ms"), [(39.6, 19.0, 199.5, 44.0)]).pixels == 0
    assert not difference(drawn(), drawn("9.5 ms"), [(0, 0, 38, 60), (0, -30, 200, -10)]).equal


def test_another_size_is_one() -> None:
    found = difference(drawn(), drawn().crop((0, 0, 200, 59)))
    assert (found.pixels, found.equal) == (-1, False)
