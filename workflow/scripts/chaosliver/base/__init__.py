"""What every package uses: files, indexes, pictures, patients and sequences, the frame of a job."""
