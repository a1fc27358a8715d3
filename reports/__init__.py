"""From records to something to read: one offline HTML page. Reads records, nothing else."""
