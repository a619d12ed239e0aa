"""The frame of a training: fingerprint, checkpoints, snapshots, signals. Nothing here alters a weight."""
