"""Scanning folders, files and archives: from paths to rows.

walk (folders) -> items (opened files, archive members) -> scanner (worker pool, screening)
  -> rows -> output (JSON Lines, resumable) | summary -> report
"""
