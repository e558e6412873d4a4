"""Pixels from pictures, within bounds: one module for each family of formats.

`open_picture` is the way in; `warm_up` loads every decoder, for processes that may open no file
later. Which decoder reads what: JPEG simplejpeg (libjpeg-turbo); PNG and TIFF libvips; GIF, WebP
and AVIF Pillow; HEIC pi-heif (libheif); bitmaps are read here. Frames of GIF and animated PNG
are composed here too. Pillow or libvips stands behind most of them for what they refuse.
"""

from safehold.media.decode.opened import OpenedPicture, PictureBytes, open_picture
from safehold.media.decode.warm import warm_up

__all__ = ["OpenedPicture", "PictureBytes", "open_picture", "warm_up"]
