"""NCMEC's CyberTipline reporting API."""
