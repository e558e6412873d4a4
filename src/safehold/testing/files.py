"""Small real files of every format that Safehold reads, archives included.

The sources of `mutate.mutations`, and a quick "one of each" for other tests. HEIC is missing,
because nothing that may be bundled can write it; `heic_brand` is an AVIF file that says of
itself that it is HEIC, so that the HEIC parser is reached.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile

from PIL import Image, ImageCms, ImageDraw, PngImagePlugin, features

from safehold.testing.edits import animation, encode, jpeg_cmyk, tiff_lab
from safehold.testing.pictures import draw_any

SIDES = (32, 256)
"""Smallest and largest side of the pictures."""


def small_files(seed: int) -> dict[str, bytes]:
    """One small file of each format and mode, by file name.

    Args:
        seed: another seed draws other pictures of other sizes.

    Returns:
        Names such as `jpeg_progressive.jpg`, each with the bytes of a sound file.
    """
    rng = random.Random(seed)

    def picture() -> Image.Image:
        size = (rng.randint(*SIDES), rng.randint(*SIDES))
        return draw_any(rng.randrange(1 << 20), size)

    files = {
        **_jpegs(picture(), picture()),
        **_pngs(picture()),
        **_webps(picture()),
        **_tiffs(picture(), picture()),
        **_others(picture()),
    }
    return {**files, **archives(files)}


def _jpegs(picture: Image.Image, second: Image.Image) -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation
    exif[0x010E] = "drawn by code"  # ImageDescription
    return {
        "jpeg.jpg": encode(picture, "JPEG", quality=80),
        "jpeg_444.jpg": encode(picture, "JPEG", quality=90, subsampling="4:4:4"),
        "jpeg_422.jpg": encode(picture, "JPEG", quality=70, subsampling="4:2:2"),
        "jpeg_progressive.jpg": encode(picture, "JPEG", progressive=True),
        "jpeg_restart.jpg": encode(picture, "JPEG", restart_marker_rows=1),
        "jpeg_grey.jpg": encode(picture.convert("L"), "JPEG"),
        "jpeg_cmyk.jpg": jpeg_cmyk(picture),
        "jpeg_metadata.jpg": encode(picture, "JPEG", exif=exif, icc_profile=_colour_profile()),
        "mpo.jpg": encode(picture, "MPO", save_all=True, append_images=[second]),
    }


def _pngs(picture: Image.Image) -> dict[str, bytes]:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "drawn by code")
    text.add_text("Comment", "value noise and shapes " * 40, zip=True)
    grey16 = picture.convert("L").convert("I;16")
    return {
        "png.png": encode(picture, "PNG"),
        "png_rgba.png": encode(faded(picture), "PNG"),
        "png_palette.png": encode(picture.quantize(64), "PNG", transparency=3),
        "png_bilevel.png": encode(picture.convert("1"), "PNG"),
        "png_grey16.png": encode(grey16, "PNG"),
        "png_metadata.png": encode(picture, "PNG", pnginfo=text, icc_profile=_colour_profile()),
        "apng.png": animation(picture, "PNG"),
    }


def _webps(picture: Image.Image) -> dict[str, bytes]:
    return {
        "webp.webp": encode(picture, "WEBP", quality=60, method=0),
        "webp_alpha.webp": encode(faded(picture), "WEBP", quality=60, method=0),
        "webp_lossless.webp": encode(picture, "WEBP", lossless=True, quality=0, method=0),
        "webp_animated.webp": animation(picture, "WEBP"),
    }


def _tiffs(picture: Image.Image, second: Image.Image) -> dict[str, bytes]:
    return {
        "tiff.tiff": encode(picture, "TIFF"),
        "tiff_lzw.tiff": encode(picture, "TIFF", compression="tiff_lzw"),
        "tiff_deflate.tiff": encode(picture, "TIFF", compression="tiff_adobe_deflate"),
        "tiff_packbits.tiff": encode(picture.convert("L"), "TIFF", compression="packbits"),
        "tiff_jpeg.tiff": encode(picture, "TIFF", compression="jpeg"),
        "tiff_group4.tiff": encode(picture.convert("1"), "TIFF", compression="group4"),
        "tiff_cmyk.tiff": encode(picture.convert("CMYK"), "TIFF"),
        "tiff_lab.tiff": tiff_lab(picture),
        "tiff_pages.tiff": encode(picture, "TIFF", save_all=True, append_images=[second]),
    }


def _others(picture: Image.Image) -> dict[str, bytes]:
    files = {
        "gif.gif": encode(picture.quantize(128), "GIF"),
        "gif_animated.gif": animation(picture, "GIF"),
        "bmp.bmp": encode(picture, "BMP"),
        "bmp_palette.bmp": encode(picture.quantize(16), "BMP"),
        "bmp_alpha.bmp": encode(faded(picture), "BMP"),
    }
    if features.check("avif"):
        files["avif.avif"] = encode(picture, "AVIF", quality=50, speed=10)
        files["avif_alpha.avif"] = encode(faded(picture), "AVIF", quality=50, speed=10)
        files["heic_brand.heic"] = files["avif.avif"].replace(b"ftypavif", b"ftypheic", 1)
    return files


def _colour_profile() -> bytes:
    """An sRGB profile without its date of creation (bytes 24 to 35, ICC.1:2022 section 7.2)."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes(12) + profile[36:]


def faded(picture: Image.Image) -> Image.Image:
    """The picture with an alpha channel that fades to the lower right."""
    copy = picture.convert("RGB")
    copy.putalpha(Image.linear_gradient("L").resize(picture.size).point(lambda value: 255 - value))
    ImageDraw.Draw(copy).rectangle((0, 0, copy.width // 8, copy.height // 8), fill=(0, 0, 0, 0))
    return copy


def archives(files: dict[str, bytes]) -> dict[str, bytes]:
    """The given files in archives of each kind: zip, tar, and what compresses them.

    The same files give the same bytes: no time or owner is stored.
    """
    small = dict(sorted(files.items(), key=lambda item: (len(item[1]), item[0]))[:6])
    plain = make_tar(small)
    first = next(iter(small.values()), b"")
    return {
        "zip_stored.zip": make_zip(small, zipfile.ZIP_STORED),
        "zip_deflated.zip": make_zip(small),
        "zip_lzma.zip": make_zip(small, zipfile.ZIP_LZMA),
        "zip_nested.zip": make_zip({"inner.zip": make_zip(small), **small}),
        "tar.tar": plain,
        "tar_gz.tar.gz": gzip.compress(plain, mtime=0),
        "tar_bz2.tar.bz2": bz2.compress(plain),
        "tar_xz.tar.xz": lzma.compress(plain, preset=0),
        "gzip.gz": gzip.compress(first, mtime=0),
    }


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of the files, the same for the same input."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return stream.getvalue()


def make_tar(files: dict[str, bytes]) -> bytes:
    """An uncompressed tar archive of the files, the same for the same input."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()
