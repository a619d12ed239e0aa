"""From the CHAOS challenge's abdominal MRI to an honestly measured liver segmentation network."""
