"""A study for papers and notebooks: figures by matplotlib, tables as Markdown, LaTeX, CSV, HTML."""
