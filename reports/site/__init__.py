"""One static site about all studies, made from the results in a folder.

`build` writes every page. `study_page` and `run_page` gather what one shows, `published` what a
study printed, `prose` the notes on claims and audit, `lessons` what readers should know, and
`reference` reads the `docstrings` of attacks and networks.
"""

from reports.site.build import build_site

__all__ = ["build_site"]
