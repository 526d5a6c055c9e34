"""Every kind of file in every way of storing a picture: what is read is what others read, or it is refused in words."""

import struct
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from unblur import files

from ._pictures import chunk, exif, in_every_orientation, png, samples, saved, with_chunks


@pytest.fixture
def read(tmp_path):
    def call(content):
        (tmp_path / "file").write_bytes(content)
        return files.read(tmp_path / "file")

    return call


def tiff(data, **options):
    buffer = BytesIO()
    tifffile.imwrite(buffer, data, **{"metadata": None, **options})
    return buffer.getvalue()


# orientation


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9])
@pytest.mark.parametrize(
    "kind", ["jpeg", "png", "png 16", "png eXIf last", "webp", "tiff", "tiff float", "tiff planar", "png xmp"]
)
def test_pictures_are_upright(read, tmp_path, kind, orientation):
    stored = samples((6, 9, 3), "uint16" if kind == "png 16" else "float32" if kind == "tiff float" else "uint8")
    note = exif(t274=orientation)
    if kind == "jpeg":
        content = saved(stored, "jpeg", exif=note, quality=100, subsampling=0)
        stored = np.asarray(Image.open(BytesIO(saved(stored, "jpeg", quality=100, subsampling=0))))
    elif kind == "webp":
        content = saved(stored, "webp", exif=note, lossless=True)
    elif kind == "png xmp":
        packet = f'<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/>'.encode()
        content = with_chunks(saved(stored, "png"), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
    elif kind.startswith("png"):
        plain, part = imagecodecs.png_encode(stored), (b"eXIf", note.tobytes().removeprefix(b"Exif\0\0"))
        content = plain[:-12] + chunk(*part) + plain[-12:] if kind.endswith("last") else with_chunks(plain, part)
    else:
        planar = {"planarconfig": "separate"} if kind == "tiff planar" else {}
        data = np.moveaxis(stored, -1, 0) if planar else stored
        content = tiff(data, photometric="rgb", extratags=[(274, 3, 1, orientation, True)], resolution=(300, 200), **planar)
    truth = in_every_orientation(stored, orientation if 1 <= orientation <= 8 else 1)
    picture = read(content)
    np.testing.assert_array_equal(picture.pixels, truth)
    if kind.startswith("tiff"):
        assert picture.notes.resolution[:2] == ((300, 200) if orientation not in (5, 6, 7, 8) else (200, 300))
    # what is written is upright for everyone
    for ending in (".tiff",) if stored.dtype == np.float32 else (".png", ".tiff"):
        files.write(tmp_path / f"out{ending}", picture)
        np.testing.assert_array_equal(files.read(tmp_path / f"out{ending}").pixels, truth)
        if stored.dtype == np.uint8 and orientation in range(1, 9):
            with Image.open(tmp_path / f"out{ending}") as image:
                assert image.getexif().get(0x0112, 1) == 1


def test_transparency_and_further_samples_turn_along(read):
    stored = samples((6, 9, 5))
    content = tiff(stored, photometric="rgb", extrasamples=[2, 0], extratags=[(274, 3, 1, 6, True)])
    picture = read(content)
    truth = in_every_orientation(stored, 6)
    np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha, picture.extra.samples]), truth)


# transparency


@pytest.mark.parametrize("transparency", [3, bytes([0, 128, 255, 7])])
@pytest.mark.parametrize("kind", ["png", "gif"])
def test_transparency_of_palettes(read, kind, transparency):
    image = Image.fromarray(samples((8, 9, 3))).quantize(16)
    if kind == "gif" and isinstance(transparency, bytes):
        pytest.skip("GIF files have one transparent colour")
    picture = read(saved(image, kind, transparency=transparency))
    truth = np.asarray(Image.open(BytesIO(saved(image, kind, transparency=transparency))).convert("RGBA"))
    assert (truth[..., 3] < 255).any()
    np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha]), truth)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("colour", [False, True])
def test_a_transparent_colour_of_png_files(read, bits, colour):
    if colour and bits < 8:
        pytest.skip("PNG has no such colours")
    height, width, channels = 5, 8, 3 if colour else 1
    values = np.random.default_rng(0).integers(0, 2**bits, size=(height, width, channels))
    key = values[2, 3]
    shifts = np.arange(bits)[::-1]
    rows = [np.packbits((row.reshape(-1)[:, None] >> shifts) & 1).tobytes() for row in values]
    content = png(rows, width, bits, 2 if colour else 0, (b"tRNS", struct.pack(f">{channels}H", *key)))
    picture = read(content)
    white = 2 ** max(bits, 8) - 1
    np.testing.assert_array_equal(picture.pixels.reshape(values.shape), values * (white // (2**bits - 1)))
    np.testing.assert_array_equal(picture.alpha, np.where((values == key).all(axis=-1), 0, white))


@pytest.mark.parametrize("colour", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_transparency_of_png_files(read, dtype, colour):
    data = samples((7, 9, colour + 1), dtype)
    picture = read(bytes(imagecodecs.png_encode(data)))
    np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha]), data)


def test_transparency_of_webp_files(read):
    data = samples((7, 9, 4))
    picture = read(saved(data, "webp", lossless=True, exact=True))
    np.testing.assert_array_equal(np.dstack([picture.pixels, picture.alpha]), data)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("colour", [1, 3])
@pytest.mark.parametrize("meaning", [1, 2])
def test_transparency_of_tiff_files_keeps_its_meaning(read, tmp_path, dtype, colour, meaning):
    full = 1 if dtype == "float32" else np.iinfo(dtype).max
    straight, alpha = samples((20, 30, colour), dtype), samples((20, 30, 1), dtype, 1)
    alpha[:5], alpha[5:9] = 0, full
    stored = straight
    if meaning == 1:
        stored = straight * (alpha / full)
        stored = stored.astype(dtype) if dtype == "float32" else np.rint(stored).astype(dtype)
    content = tiff(
        np.concatenate([stored, alpha], axis=-1), photometric="rgb" if colour == 3 else "minisblack", extrasamples=[meaning]
    )
    picture = read(content)
    assert picture.premultiplied is (meaning == 1)
    np.testing.assert_array_equal(picture.alpha, alpha[..., 0])
    seen = alpha[..., 0] >= full / 2
    rounding = 1e-6 if dtype == "float32" else 1.01
    np.testing.assert_allclose(
        picture.pixels.reshape(straight.shape)[seen].astype(float), straight[seen].astype(float), atol=rounding
    )
    files.write(tmp_path / "out.tiff", picture)
    with tifffile.TiffFile(tmp_path / "out.tiff") as file:
        assert [int(m) for m in file.pages.first.extrasamples] == [meaning]
        back = file.asarray()
    np.testing.assert_allclose(back, np.concatenate([stored, alpha], axis=-1), atol=1e-7 if dtype == "float32" else 0)
    if dtype != "float32":
        # PNG files know straight colours alone
        files.write(tmp_path / "out.png", picture)
        np.testing.assert_array_equal(files.read(tmp_path / "out.png").pixels, picture.pixels)


def test_behind_what_is_not_seen_the_nearest_colour_goes_on(read):
    alpha = np.zeros((6, 8), np.uint8)
    alpha[:, :3] = 255
    stored = np.where(alpha[..., None] > 0, np.uint8(200), np.uint8(0)).repeat(3, axis=-1)
    picture = read(tiff(np.dstack([stored, alpha]), photometric="rgb", extrasamples=[1]))
    assert (picture.pixels == 200).all()


def test_further_samples_keep_their_meaning(read, tmp_path, caplog):
    data = samples((8, 9, 6), "uint16")
    picture = read(tiff(data, photometric="rgb", extrasamples=[0, 2, 0]))
    np.testing.assert_array_equal(picture.alpha, data[..., 4])
    np.testing.assert_array_equal(picture.extra.samples, data[..., [3, 5]])
    assert "no stated meaning" in caplog.text
    files.write(tmp_path / "out.tiff", picture)
    with tifffile.TiffFile(tmp_path / "out.tiff") as file:
        assert [int(m) for m in file.pages.first.extrasamples] == [2, 0, 0]
        np.testing.assert_array_equal(file.asarray(), data[..., [0, 1, 2, 4, 3, 5]])
    for name, words in (("a.png", "further samples"), ("a.jpg", "uint16")):
        with pytest.raises(ValueError, match=words):
            files.write(tmp_path / name, picture)


# colours


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff(samples((8, 9, 4)), photometric="separated"), "CMYK"),
        (tiff(samples((8, 9, 3)), photometric="ycbcr"), "YCbCr"),
        (tiff(samples((8, 9, 3)), photometric="cielab"), "CIELAB"),
        (tiff(samples((8, 9, 3)), photometric="icclab"), "CIELAB"),
        (tiff(samples((8, 9)), photometric="cfa"), "sensor"),
        (tiff(samples((8, 9, 3)), photometric="linear_raw"), "sensor"),
        (tiff(samples((8, 9)), photometric="logl"), "LOGL"),
        (tiff(samples((8, 9, 5)), photometric="minisblack", planarconfig="contig"), "5 bands"),
        (tiff(samples((8, 9, 3)), photometric="minisblack", planarconfig="contig"), "3 bands"),
        (tiff(samples((8, 9)).astype(complex)), "complex"),
        (tiff(samples((8, 9), "float32"), photometric="miniswhite"), "least is white"),
        (saved(Image.fromarray(samples((8, 9, 4)), "RGBA").convert("RGB").convert("CMYK"), "jpeg"), "CMYK"),
        (saved(Image.fromarray(samples((8, 9, 3))).convert("LAB"), "tiff"), "CIELAB"),
        (saved(Image.fromarray(samples((8, 9, 3))).convert("CMYK"), "tiff"), "CMYK"),
        (saved(Image.fromarray(samples((8, 9, 3))).convert("YCbCr"), "tiff"), "YCbCr"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_colours_that_are_not_rgb_are_refused(read, content, words):
    with pytest.raises(ValueError, match=words):
        read(content)


def test_jpeg_in_tiff_is_decoded_to_rgb(read):
    yy, xx = np.indices((32, 48))
    smooth = np.dstack([yy * 4, xx * 4, 255 - yy - xx]).astype(np.uint8)
    content = saved(Image.fromarray(smooth).convert("YCbCr"), "tiff", compression="jpeg", quality=95)
    with tifffile.TiffFile(BytesIO(content)) as file:
        assert int(file.pages.first.photometric) == 6
    assert np.abs(read(content).pixels.astype(int) - smooth).max() < 20


@pytest.mark.parametrize("shift", ["* 257", "* 256", "exact"])
def test_palettes_of_tiff_files_become_colours(read, shift):
    colours = samples((3, 256), "uint16")
    if shift != "exact":
        colours = (colours >> 8) * np.uint16(shift[2:])
    numbers = samples((8, 9))
    pixels = read(tiff(numbers, photometric="palette", colormap=colours)).pixels
    truth = np.moveaxis(colours[:, numbers], 0, -1)
    if shift == "exact":
        np.testing.assert_array_equal(pixels, truth)
    else:
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, truth >> 8)


def test_a_file_that_contradicts_itself_is_refused(read):
    content = bytearray(tiff(samples((8, 9)), photometric="minisblack"))
    with tifffile.TiffFile(BytesIO(bytes(content))) as file:
        struct.pack_into("<H", content, file.pages.first.tags["PhotometricInterpretation"].valueoffset, 2)
    with pytest.raises(ValueError, match="damaged where it tells its colours"):
        read(bytes(content))


# depths and ways of storing


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(33, 40), (33, 40, 3)])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"tile": (16, 16)},
        {"rowsperstrip": 5},
        {"compression": "zlib"},
        {"compression": "lzw"},
        {"compression": "zstd", "predictor": True},
        {"compression": "packbits"},
        {"compression": "zlib", "predictor": True, "tile": (16, 32), "byteorder": ">", "bigtiff": True},
        {"planarconfig": "separate", "compression": "zlib"},
    ],
    ids=lambda options: " ".join(f"{k}={v}" for k, v in options.items()),
)
def test_tiff_files_however_stored(read, tmp_path, dtype, shape, options):
    data = samples(shape, dtype)
    planar = options.get("planarconfig") == "separate"
    if planar and len(shape) == 2:
        pytest.skip("one plane is one plane")
    if options.get("compression") == "packbits" and dtype not in ("uint8", "int8", "uint16"):
        pytest.skip("enough")
    stored = np.moveaxis(data, -1, 0) if planar else data
    picture = read(tiff(stored, photometric="rgb" if len(shape) == 3 else "minisblack", **options))
    assert picture.pixels.dtype == dtype
    assert picture.pixels.dtype.isnative
    np.testing.assert_array_equal(picture.pixels, data)
    files.write(tmp_path / "out.tiff", picture)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "out.tiff"), data)


def test_least_is_white_becomes_black(read):
    for dtype in ("uint8", "uint16"):
        data = samples((8, 9), dtype)
        np.testing.assert_array_equal(read(tiff(data, photometric="miniswhite")).pixels, ~data)
    data = samples((8, 9, 2))
    picture = read(tiff(data, photometric="miniswhite", planarconfig="contig", extrasamples=[2]))
    np.testing.assert_array_equal(picture.pixels, 255 - data[..., 0])
    np.testing.assert_array_equal(picture.alpha, data[..., 1])


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bits_of_tiff_files(read, photometric):
    data = samples((8, 13)) > 100
    grey = read(tiff(data, photometric=photometric)).pixels
    np.testing.assert_array_equal(grey, np.where(data ^ (photometric == "miniswhite"), 255, 0))
    image = Image.fromarray(data)
    for compression in (None, "packbits"):
        np.testing.assert_array_equal(read(saved(image, "tiff", compression=compression)).pixels, np.where(data, 255, 0))


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_faxes_are_read_right_or_refused(read, compression):
    data = samples((8, 13)) > 100
    try:
        pixels = read(saved(Image.fromarray(data), "tiff", compression=compression)).pixels
    except ValueError:
        return  # older decoders lack them
    np.testing.assert_array_equal(pixels, np.where(data, 255, 0))


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
def test_odd_depths_of_tiff_files_fill_the_range(read, bits):
    data = np.random.default_rng(0).integers(0, 2**bits, size=(8, 9)).astype(np.uint16 if bits > 8 else np.uint8)
    data[0, :2] = 0, 2**bits - 1
    try:
        content = tiff(data, photometric="minisblack", bitspersample=bits)
    except NotImplementedError as error:
        pytest.skip(f"older encoders lack them: {error}")
    pixels = read(content).pixels
    white = np.iinfo(data.dtype).max
    assert (pixels[0, 0], pixels[0, 1]) == (0, white)
    np.testing.assert_allclose(pixels / white, data / (2**bits - 1), atol=0.5 / white)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "LA", "RGBA", "I;16"])
def test_png_files_however_stored(read, mode, interlaced):
    image = Image.fromarray(samples((9, 13), "uint16")) if mode == "I;16" else Image.fromarray(samples((9, 13, 3))).convert(mode)
    if mode == "P":
        image = Image.fromarray(samples((9, 13, 3))).quantize(7)
    picture = read(saved(image, "png"))
    data = np.asarray(image.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    colours = data if data.ndim == 2 else data[..., :3] if data.shape[-1] > 2 else data[..., 0]
    np.testing.assert_array_equal(picture.pixels, colours)
    assert (picture.alpha is not None) == (mode in ("LA", "RGBA"))


def test_bmp_and_gif_files_are_read(read):
    data = samples((9, 13, 3))
    np.testing.assert_array_equal(read(saved(data, "bmp")).pixels, data)
    grey = samples((9, 13))
    np.testing.assert_array_equal(read(saved(grey, "gif")).pixels, np.dstack([grey] * 3))


# several images


def two_pages(**options):
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for i in (0, 1):
            writer.write(samples((8 + i, 9)), metadata=None)
    return buffer.getvalue()


def pyramid(subifds, kind=1):
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(samples((32, 32)), subifds=1 if subifds else 0, metadata=None)
        writer.write(samples((16, 16)), subfiletype=1, metadata=None)
    content = bytearray(buffer.getvalue())
    with tifffile.TiffFile(BytesIO(bytes(content))) as file:
        page = file.pages.first.pages[0] if subifds else file.pages[1]
        struct.pack_into("<I", content, page.tags["NewSubfileType"].valueoffset, kind)
    return bytes(content)


def multi_picture():
    images = [Image.fromarray(samples((16, 16, 3), seed=i)) for i in (0, 1)]
    return saved(images[0], "mpo", save_all=True, append_images=images[1:])


def frames(kind, **options):
    images = [Image.fromarray(samples((16, 16, 3), seed=i)) for i in (0, 1, 2)]
    return saved(images[0], kind, save_all=True, append_images=images[1:], **options)


SEVERAL = {
    "tiff": lambda: two_pages(),
    "big tiff": lambda: two_pages(bigtiff=True),
    "tiff stack": lambda: tiff(samples((3, 8, 9)), photometric="minisblack"),
    "tiff stack of one directory": lambda: tiff(samples((3, 8, 9)), photometric="minisblack", metadata={}, truncate=True),
    "colour stack": lambda: tiff(samples((3, 8, 9, 3)), photometric="rgb"),
    "imagej": lambda: tiff(samples((3, 8, 9)), imagej=True, metadata={"axes": "ZYX"}),
    "ome": lambda: tiff(samples((3, 8, 9)), ome=True, photometric="minisblack", metadata={"axes": "ZYX"}),
    "tiff sub-directory": lambda: pyramid(True, kind=0),
    "mask": lambda: pyramid(False, kind=4),
    "png": lambda: frames("png"),
    "png default image": lambda: frames("png", default_image=True),
    "gif": lambda: frames("gif"),
    "webp": lambda: frames("webp", lossless=True),
    "mpo": multi_picture,
    "ultra hdr": lambda: saved(samples((8, 8, 3)), "jpeg", xmp=b'<x:xmpmeta hdrgm:Version="1.0"/>'),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_several_images_are_refused(read, kind):
    with pytest.raises(ValueError, match=r"holds \d images; save each"):
        read(SEVERAL[kind]())


@pytest.mark.parametrize("subifds", [False, True])
def test_smaller_copies_beside_the_image_count_for_nothing(read, subifds):
    np.testing.assert_array_equal(read(pyramid(subifds)).pixels, samples((32, 32)))


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("to", ["nowhere", "itself"])
def test_what_is_lost_of_several_images_is_missed(read, bigtiff, to):
    content = bytearray(two_pages(bigtiff=bigtiff))
    with tifffile.TiffFile(BytesIO(bytes(content))) as file:
        first, second = (page.offset for page in file.pages)
        place = content.index(struct.pack(file.tiff.offsetformat, second), first)
        struct.pack_into(file.tiff.offsetformat, content, place, first if to == "itself" else 10**8)
    with pytest.raises(ValueError, match="damaged where a further image"):
        read(bytes(content))


def test_raw_photographs_are_refused(read):
    with pytest.raises(ValueError, match="sensor"):
        read(tiff(samples((8, 9, 3)), photometric="rgb", extratags=[(50706, 1, 4, b"\1\4\0\0", True)]))
    buffer = BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(samples((8, 8, 3)), photometric="rgb", subifds=1, subfiletype=1, metadata=None)
        writer.write(samples((32, 32)), photometric="cfa", metadata=None)
    with pytest.raises(ValueError, match="behind a preview"):
        read(buffer.getvalue())


# damage


def whole_files():
    colour, deep = samples((40, 50, 3)), samples((40, 50, 3), "uint16")
    return {
        "png": saved(colour, "png", exif=exif()),
        "png 16": bytes(imagecodecs.png_encode(deep)),
        "palette": saved(Image.fromarray(colour).quantize(9), "png", transparency=2),
        "jpeg": saved(colour, "jpeg", exif=exif()),
        "webp": saved(colour, "webp"),
        "gif": saved(Image.fromarray(colour).quantize(200), "gif"),
        "bmp": saved(colour, "bmp"),
        "tiff": tiff(deep, photometric="rgb"),
        "tiff zlib": tiff(colour, photometric="rgb", compression="zlib"),
        "tiff lzw": tiff(colour, photometric="rgb", compression="lzw", predictor=True, tile=(16, 16)),
        "tiff jpeg": tiff(colour, photometric="rgb", compression="jpeg"),
        "tiff zstd": tiff(deep, photometric="rgb", compression="zstd", bigtiff=True, byteorder=">"),
    }


JARGON = ("plugin", "uri", "tifffile", "Tiff", "Pillow", "PIL", "imagecodecs", "imread", "numpy", "Error", "object", "buffer")


@pytest.mark.parametrize("kind", whole_files())
def test_damaged_files_are_read_or_refused_in_words(read, kind, capfd):
    whole = whole_files()[kind]
    assert read(whole).pixels.shape == (40, 50, 3)
    rng = np.random.default_rng(0)
    damaged = [whole[: int(n)] for n in np.linspace(0, len(whole) - 1, 25)]
    for _ in range(60):
        content = bytearray(whole)
        place = int(rng.integers(0, len(content) if rng.random() < 0.5 else min(400, len(content))))
        content[place] = int(rng.integers(0, 256))
        damaged.append(bytes(content))
    refused = 0
    for content in damaged:
        try:
            read(content)
        except ValueError as error:
            refused += 1
            words = str(error).partition("file' ")[2]
            assert words
            assert not any(word in words for word in JARGON), words
    assert refused > 20
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", [k for k in whole_files() if k != "gif"])
def test_what_is_cut_short_is_never_read_in_part(read, kind, cut):
    whole = whole_files()[kind]
    with pytest.raises(ValueError, match="cut short"):
        read(whole[: int(cut * len(whole))])


def declared(width, height):
    """Return small files that declare a large image."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    jpeg = bytearray(saved(samples((8, 8, 3)), "jpeg"))
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", min(height, 65535), min(width, 65535))
    small = bytearray(tiff(samples((8, 8)), photometric="minisblack", byteorder="<", compression="zlib"))
    with tifffile.TiffFile(BytesIO(bytes(small))) as file:
        for name, value in (("ImageWidth", width), ("ImageLength", height), ("RowsPerStrip", height)):
            tag = file.pages.first.tags[name]
            struct.pack_into("<HHII", small, tag.offset, tag.code, 4, 1, value)
    gif = bytearray(saved(samples((8, 8)), "gif"))
    gif[6:10] = struct.pack("<HH", min(width, 65535), min(height, 65535))
    bmp = bytearray(saved(samples((8, 8)), "bmp"))
    bmp[18:26] = struct.pack("<ii", width, height)
    return {
        "png": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x") + chunk(b"IEND", b""),
        "jpeg": bytes(jpeg),
        "tiff": bytes(small),
        "gif": bytes(gif),
        "bmp": bytes(bmp),
    }


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "gif", "bmp"])
@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (60_000, 20_000)])
def test_large_sizes_are_refused_before_they_are_decoded(read, kind, size):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"declares|damaged"):
        read(declared(*size)[kind])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"
