"""The tracks: bigWig and bigBed files, written in blocks and read back to verify."""
