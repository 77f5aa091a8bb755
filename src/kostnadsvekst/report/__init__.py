"""From estimates to numbers on paper: formats, tables, figures, audit."""
