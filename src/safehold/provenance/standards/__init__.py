"""What standards say of a file's making: C2PA, XMP with IPTC and TC260, cameras' Exif."""
