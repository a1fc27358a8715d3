"""What was seen: records, studies, data frames. Imports nothing of `levelfield.run`."""
