"""Where Statistics Norway answers; apart from what asks there, so that a help text can name it at once."""

STATBANK = "https://data.ssb.no/api/pxwebapi/v2"
KLASS = "https://data.ssb.no/api/klass/v1"
