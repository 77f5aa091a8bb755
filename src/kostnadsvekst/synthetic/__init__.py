"""Everything that is made up: whoever imports from here knows that the data are invented."""
