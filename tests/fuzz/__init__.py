"""Files that were changed at random, which the library must refuse or read as another reader does: `make fuzz`."""
