"""Archives, downloaded or drawn, to the files of each patient."""
