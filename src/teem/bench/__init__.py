"""Named scenarios measured, fitted and compared: `teem bench`."""
