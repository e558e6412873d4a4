"""Pixels from pictures, within bounds: one module for each family of formats.

`open_picture` is the way in; `warm_up` loads every decoder, for processes that may open no file
later. Which decoder reads what: JPEG simplejpeg (libjpeg-turbo); PNG and TIFF libvips;
GIF, BMP, WebP, AVIF and animations Pillow; HEIC pi-heif (libheif); run-length encoded bitmaps a few
lines here. Pillow or libvips stands behind most of them for what they refuse.
"""

from safehold.media.decode.opened import OpenedPicture, PictureBytes, open_picture
from safehold.media.decode.warm import warm_up

__all__ = ["OpenedPicture", "PictureBytes", "open_picture", "warm_up"]
