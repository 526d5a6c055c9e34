"""What a file says about its picture, through every pair of kinds: profiles, resolution, descriptions, EXIF, XMP, calibration."""

import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from unblur import files
from unblur.files import Picture, Resolution
from unblur.synthesis import blur_picture

from ._pictures import exif, samples, saved, with_chunks

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PACKET = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><about tiff:Orientation="1"/></x:xmpmeta>'
WORDS = "Cells, 40× 日本"


def a_file(kind):
    """Return a file that says all that its kind can say, made by Pillow or tifffile."""
    note = exif(t270="of the camera").tobytes()
    if kind == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("Description", WORDS)
        info.add_text("Author", "A. Author", zip=True)
        info.add_itxt("XML:com.adobe.xmp", PACKET.decode())
        return saved(samples((9, 12, 3)), "png", exif=note, dpi=(300, 200), icc_profile=PROFILE, pnginfo=info)
    if kind == "jpeg":
        return saved(samples((9, 12, 3)), "jpeg", exif=note, dpi=(300, 200), icc_profile=PROFILE, xmp=PACKET, comment=WORDS)
    if kind == "webp":
        return saved(samples((9, 12, 3)), "webp", exif=note, icc_profile=PROFILE, xmp=PACKET)
    buffer = BytesIO()
    tifffile.imwrite(
        buffer,
        samples((9, 12, 3)),
        photometric="rgb",
        description=WORDS.encode(),
        resolution=(300, 200),
        resolutionunit="inch",
        iccprofile=PROFILE,
        extratags=[(700, 1, len(PACKET), PACKET, True)],
        metadata=None,
    )
    # tifffile writes no EXIF data, and Pillow no letters but ASCII's: Pillow's directories go behind tifffile's file
    with Image.open(BytesIO(saved(samples((9, 12, 3)), "tiff", exif=note))) as image:
        parts = image.getexif()
    return with_parts(buffer.getvalue(), parts)


def with_parts(content, exif):
    """Return a TIFF file of tifffile's with EXIF data at its end, as Pillow lays them out."""
    whole = bytearray(content + b"\0" * (len(content) % 2))
    (start,) = struct.unpack_from("<I", whole, 4)
    (count,) = struct.unpack_from("<H", whole, start)
    entries = [bytes(whole[start + 2 + 12 * i :][:12]) for i in range(count)]
    maker = len(whole)
    whole += b"Maker\0"
    entries.append(struct.pack("<HHII", 271, 2, 6, maker))
    for code in (34665, 34853):
        entries.append(struct.pack("<HHII", code, 4, 1, len(whole)))
        part = ImageFileDirectory_v2(prefix=b"II")
        part.update(exif.get_ifd(code))
        whole += part.tobytes(len(whole))
        whole += b"\0" * (len(whole) % 2)
    struct.pack_into("<I", whole, 4, len(whole))
    return bytes(whole) + struct.pack("<H", len(entries)) + b"".join(sorted(entries, key=lambda e: e[1::-1])) + bytes(4)


@pytest.mark.parametrize("target", [".png", ".jpg", ".tiff"])
@pytest.mark.parametrize("source", ["png", "jpeg", "webp", "tiff"])
def test_notes_go_from_kind_to_kind(tmp_path, source, target):
    (tmp_path / "in").write_bytes(a_file(source))
    picture = files.read(tmp_path / "in")
    out = tmp_path / f"out{target}"
    files.write(out, picture)
    with Image.open(out) as image:
        image.load()
        assert image.info["icc_profile"] == PROFILE
        note = image.getexif()
        assert note[0x010F] == "Maker"
        assert note.get_ifd(0x8769)[0x829A] == pytest.approx(1 / 250)
        assert note.get_ifd(0x8769)[0x927C] == b"a note of the maker" * 3
        assert note.get_ifd(0x8825)[1] == "N"
        assert [float(part) for part in note.get_ifd(0x8825)[2]] == [48.0, 51.0, 30.5]
        packet = image.info["xmp"]
        assert (packet.encode() if isinstance(packet, str) else packet) == PACKET
        if source != "webp":
            assert image.info["dpi"] == pytest.approx((300, 200), rel=1e-4)
    if source != "webp":
        assert files.read(out).notes.description == WORDS
    again = tmp_path / f"again{target}"
    files.write(again, files.read(out))
    if target != ".jpg":
        assert again.read_bytes() == out.read_bytes()


def test_texts_of_png_files_are_kept(tmp_path):
    (tmp_path / "in.png").write_bytes(a_file("png"))
    files.write(tmp_path / "out.png", files.read(tmp_path / "in.png"))
    with Image.open(tmp_path / "out.png") as image:
        image.load()
        assert image.text["Author"] == "A. Author"
        assert image.text["Description"] == WORDS


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 2), (9, 12, 3), (9, 12, 4)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_png_files_of_every_depth_keep_profile_and_colour(tmp_path, dtype, shape):
    data = samples(shape, dtype)
    plain = bytes(imagecodecs.png_encode(data))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_profile = saved(np.zeros((1, 1), np.uint8), "png", icc_profile=profile, dpi=(300, 300))
    place = with_profile.index(b"iCCP") - 4
    chunks = with_profile[place : with_profile.index(b"IDAT") - 4]
    (tmp_path / "in.png").write_bytes(plain[:33] + chunks + plain[33:])
    picture = files.read(tmp_path / "in.png")
    assert picture.profile == profile
    files.write(tmp_path / "out.png", picture)
    np.testing.assert_array_equal(imagecodecs.png_decode((tmp_path / "out.png").read_bytes()), data)
    with Image.open(tmp_path / "out.png") as image:
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == pytest.approx((300, 300), rel=1e-4)
    files.write(tmp_path / "out.tiff", picture)
    assert files.read(tmp_path / "out.tiff").profile == profile


@pytest.mark.parametrize("colour", [(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\1"), (b"cHRM", bytes(range(32)))])
def test_colour_that_no_profile_tells_is_kept(tmp_path, colour):
    (tmp_path / "in.png").write_bytes(with_chunks(bytes(imagecodecs.png_encode(samples((5, 6, 3), "uint16"))), colour))
    files.write(tmp_path / "out.png", files.read(tmp_path / "in.png"))
    assert b"".join(colour) in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize("unit", [1, 2, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_resolution_of_tiff_files(tmp_path, unit, turned):
    tifffile.imwrite(
        tmp_path / "in.tif",
        samples((8, 9)),
        photometric="minisblack",
        resolution=((10_000, 33), (254, 1)),
        resolutionunit=unit,
        extratags=[(274, 3, 1, 6 if turned else 1, True)],
    )
    files.write(tmp_path / "out.tif", files.read(tmp_path / "in.tif"))
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        tags = file.pages.first.tags
        x, y = (tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution"))
        assert ((y, x) if turned else (x, y)) == pytest.approx((10_000 / 33, 254), rel=1e-8)
        assert int(tags["ResolutionUnit"].value) == unit


def test_the_shape_of_pixels_is_kept_where_their_size_is_unknown(tmp_path):
    shape = (b"pHYs", struct.pack(">IIB", 4, 3, 0))
    (tmp_path / "in.png").write_bytes(with_chunks(saved(samples((5, 6)), "png"), shape))
    picture = files.read(tmp_path / "in.png")
    for name in ("out.png", "out.tif", "again.png"):
        files.write(tmp_path / name, picture)
        picture = files.read(tmp_path / name)
        assert picture.notes.resolution.x / picture.notes.resolution.y == pytest.approx(4 / 3)
        assert picture.notes.resolution.unit == "none"


def test_no_resolution_is_none(tmp_path):
    for name in ("a.png", "a.jpg", "a.tif"):
        files.write(tmp_path / name, Picture(samples((8, 9))))
        assert files.read(tmp_path / name).notes.resolution is None


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_imagejs_calibration_is_kept(tmp_path, byteorder, dtype):
    tifffile.imwrite(
        tmp_path / "in.tif",
        samples((30, 40), dtype),
        imagej=True,
        byteorder=byteorder,
        resolution=(4.5, 4.5),
        metadata={"unit": "um", "min": 0.0, "max": 200.0, "Info": "of the microscope", "Labels": ["one"], "axes": "YX"},
    )
    picture = files.read(tmp_path / "in.tif")
    files.write(tmp_path / "out.tif", picture)
    with tifffile.TiffFile(tmp_path / "in.tif") as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.is_imagej
        assert after.imagej_metadata == before.imagej_metadata
        assert after.imagej_metadata["unit"] == "um"
        assert after.imagej_metadata["Info"] == "of the microscope"
        tags = after.pages.first.tags
        assert tags["XResolution"].value == before.pages.first.tags["XResolution"].value
        np.testing.assert_array_equal(after.asarray(), before.asarray())


def test_omes_calibration_is_kept_and_its_size_is_that_of_the_image(tmp_path):
    tifffile.imwrite(
        tmp_path / "in.ome.tif",
        samples((40, 50), "uint16"),
        ome=True,
        photometric="minisblack",
        metadata={"axes": "YX", "PhysicalSizeX": 0.2, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.3, "PhysicalSizeYUnit": "µm"},
    )
    picture = files.read(tmp_path / "in.ome.tif")
    files.write(tmp_path / "out.ome.tif", picture)
    smaller = blur_picture(picture, np.ones((3, 5)), 0.0, 0)
    files.write(tmp_path / "blurred.ome.tif", smaller)
    for name, shape in (("out", (40, 50)), ("blurred", (38, 46))):
        with tifffile.TiffFile(tmp_path / f"{name}.ome.tif") as file:
            assert file.is_ome
            assert file.series[0].shape == shape
            size = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
            assert (size["PhysicalSizeX"], size["PhysicalSizeY"], size["PhysicalSizeXUnit"]) == (0.2, 0.3, "µm")
            assert (size["SizeY"], size["SizeX"]) == shape
            assert "UUID" not in file.ome_metadata


def test_names_dates_and_places_of_tiff_files_are_kept(tmp_path):
    tags = [
        (271, 2, None, "Maker", True),
        (306, 2, None, "2026:11:28 01:02:03", True),
        (315, 2, None, "Ärtist".encode(), True),
        (33432, 2, None, "of 2026", True),
        (33550, 12, 3, (0.5, 0.5, 0.0), True),
        (33723, 7, 5, b"\x1c\x02\0\0\0", True),
    ]
    tifffile.imwrite(tmp_path / "in.tif", samples((8, 9), "float32"), byteorder=">", metadata=None, extratags=tags)
    files.write(tmp_path / "out.tif", files.read(tmp_path / "in.tif"))
    with tifffile.TiffFile(tmp_path / "in.tif") as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        for code, *_ in tags:
            assert after.pages.first.tags[code].value == before.pages.first.tags[code].value


def test_exif_data_hold_the_size_of_the_picture(tmp_path):
    note = exif({0xA002: 50, 0xA003: 40})
    (tmp_path / "in.jpg").write_bytes(saved(samples((40, 50, 3)), "jpeg", exif=note))
    picture = blur_picture(files.read(tmp_path / "in.jpg"), np.ones((3, 5)), 0.0, 0)
    for name in ("out.jpg", "out.png", "out.tif"):
        files.write(tmp_path / name, picture)
        with Image.open(tmp_path / name) as image:
            part = image.getexif().get_ifd(0x8769)
            assert (part[0xA002], part[0xA003]) == image.size == (46, 38)


def test_damaged_exif_data_do_not_cost_the_picture(tmp_path, caplog):
    whole = saved(samples((9, 12, 3)), "jpeg", exif=exif())
    start = whole.index(b"Exif\0\0") + 6
    for place in range(start, start + 120, 3):
        content = bytearray(whole)
        content[place : place + 3] = b"\xff\xff\xff"
        (tmp_path / "in.jpg").write_bytes(content)
        picture = files.read(tmp_path / "in.jpg")
        assert picture.pixels.size == 9 * 12 * 3
        for name in ("out.jpg", "out.png", "out.tif"):
            files.write(tmp_path / name, picture)


def test_a_jpeg_file_that_cannot_hold_the_notes_is_refused(tmp_path):
    note = exif({0x927C: bytes(70_000)})
    (tmp_path / "in.png").write_bytes(saved(samples((9, 12, 3)), "png", exif=note))
    picture = files.read(tmp_path / "in.png")
    with pytest.raises(ValueError, match="holds no notes as long"):
        files.write(tmp_path / "out.jpg", picture)
    files.write(tmp_path / "out.tif", picture)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.png", "out.tif"]


def test_what_is_made_here_holds_by_itself(tmp_path):
    picture = Picture(samples((9, 12, 3), "uint16"), profile=PROFILE)
    files.write(tmp_path / "a.tif", picture)
    assert files.read(tmp_path / "a.tif").notes.resolution is None
    assert Resolution(1.0, 2.0, "none").unit == "none"


@pytest.mark.parametrize("side", [1e-6, 7e4, 1e9])
def test_resolutions_that_a_kind_cannot_tell_do_not_cost_the_picture(tmp_path, side):
    tifffile.imwrite(tmp_path / "in.tif", samples((8, 9)), resolution=(side, side), resolutionunit="centimeter", metadata=None)
    picture = files.read(tmp_path / "in.tif")
    assert picture.notes.resolution.x == pytest.approx(side, rel=1e-4)
    for name in ("out.tif", "out.png", "out.jpg"):
        files.write(tmp_path / name, picture)
        assert files.read(tmp_path / name).pixels.shape == (8, 9)
