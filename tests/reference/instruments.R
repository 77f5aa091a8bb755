# Two-stage least squares with dummies of the units by estimatr: errors and degrees of freedom.
# Run: Rscript instruments.R   (in this directory; writes instruments.csv)
suppressMessages(library(estimatr))

rows <- list()
for (shape in c("balanced", "gaps")) {
  d <- read.csv(paste0("panel_", shape, ".csv"))
  d$f <- factor(d$unit)
  for (weights in c("none", "w")) {
    d$v <- if (weights == "w") d$w else 1
    for (type in c("classical", "HC1", "HC2", "HC3", "stata:unit", "stata:region", "CR2:unit", "CR2:region")) {
      parts <- strsplit(type, ":")[[1]]
      arguments <- list(y ~ w + x + f | w + z + year + f, data = d, se_type = parts[1])
      if (weights == "w") arguments$weights <- d$v
      if (length(parts) > 1) arguments$clusters <- d[[parts[2]]]
      m <- do.call(iv_robust, arguments)
      for (t in c("w", "x")) rows[[length(rows) + 1]] <- data.frame(shape, weights, type, term = t,
        estimate = m$coefficients[[t]], std_error = m$std.error[[t]], df = m$df[[t]])
    }
  }
}
out <- do.call(rbind, rows)
out$made_with <- paste("estimatr", packageVersion("estimatr"))
write.csv(out, "instruments.csv", row.names = FALSE)
