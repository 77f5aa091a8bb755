# Standard errors, degrees of freedom and tests by plm, sandwich, clubSandwich, estimatr and lmtest.
# Run: Rscript reference.R   (in this directory; writes r_output.csv and r_versions.csv)
suppressMessages({library(plm); library(sandwich); library(clubSandwich); library(estimatr); library(lmtest)})

rows <- list()
put <- function(shape, weights, program, quantity, term, value)
  rows[[length(rows) + 1]] <<- data.frame(shape, weights, program, quantity, term, value = as.numeric(value))
put_all <- function(shape, weights, program, quantity, values, terms = TERMS)
  for (t in terms) put(shape, weights, program, quantity, t, values[[t]])
TERMS <- c("x", "z")
errors <- function(V) { s <- sqrt(diag(as.matrix(V))); names(s) <- rownames(as.matrix(V)); s }

for (shape in c("balanced", "unbalanced", "gaps", "singletons")) {
  d <- read.csv(paste0("panel_", shape, ".csv"))
  d$f <- factor(d$unit)
  for (weighted in c("none", "w")) {
    d$v <- if (weighted == "w") d$w else 1
    m <- lm(y ~ x + z + f, d, weights = v)
    if (weighted == "none") m <- lm(y ~ x + z + f, d)
    save <- function(program, quantity, values) put_all(shape, weighted, program, quantity, values)
    save("lm", "estimate", coef(m))
    save("lm", "classical", errors(vcov(m)))
    for (type in c("HC1", "HC2", "HC3")) {
      single <- shape == "singletons" && type != "HC1"   # sandwich divides 0 by 0 there
      if (!single) save("sandwich", tolower(type), errors(vcovHC(m, type)))
      e <- lm_robust(y ~ x + z, d, fixed_effects = ~f, weights = v, se_type = type)
      if (!single) save("estimatr", tolower(type), e$std.error)
      if (!single) save("estimatr", paste0(tolower(type), ":df"), setNames(e$df, names(e$std.error)))
    }
    for (g in c("unit", "region", "year")) {
      save("sandwich", paste0("cluster:", g), errors(vcovCL(m, cluster = d[[g]], type = "HC1")))
      save("estimatr", paste0("cluster:", g), lm_robust(y ~ x + z, d, fixed_effects = ~f, weights = v,
        clusters = d[[g]], se_type = "stata")$std.error)
      save("clubSandwich", paste0("none:", g), errors(vcovCR(m, d[[g]], "CR0")))
      t <- coef_test(m, vcovCR(m, d[[g]], "CR2"), test = "Satterthwaite")
      save("clubSandwich", paste0("cr2:", g), setNames(t$SE, rownames(t)))
      save("clubSandwich", paste0("cr2:", g, ":df"), setNames(t$df, rownames(t)))
      save("clubSandwich", paste0("cr2:", g, ":p"), setNames(t$p_Satt, rownames(t)))
      # Working variances 1/w: the same as no weights after every column is multiplied by their root.
      X <- model.matrix(m) * sqrt(d$v)
      r <- lm(y ~ 0 + X, list(y = d$y * sqrt(d$v), X = X))
      t <- coef_test(r, vcovCR(r, d[[g]], "CR2"), test = "Satterthwaite")
      names <- sub("^X", "", rownames(t))
      save("clubSandwich", paste0("cr2_inverse:", g), setNames(t$SE, names))
      save("clubSandwich", paste0("cr2_inverse:", g, ":df"), setNames(t$df, names))
      w <- Wald_test(m, constrain_zero(2:3), vcovCR(m, d[[g]], "CR2"), test = "HTZ")
      for (part in c("Fstat", "df_denom", "p_val")) put(shape, weighted, "clubSandwich", paste0("htz:", g), part, w[[part]])
    }
    # Satterthwaite for rows: clusters of one row each (none where residuals are zero by construction).
    if (shape != "singletons") {
      X <- model.matrix(m) * sqrt(d$v)
      r <- lm(y ~ 0 + X, list(y = d$y * sqrt(d$v), X = X))
      t <- coef_test(r, vcovCR(r, seq_len(nrow(d)), "CR2"), test = "Satterthwaite")
      save("clubSandwich", "hc2:satterthwaite:df", setNames(t$df, sub("^X", "", rownames(t))))
    }
    # estimatr: dummies written out where it refuses weights beside fixed_effects.
    for (g in c("unit", "region")) {
      e <- lm_robust(y ~ x + z + f, d, weights = v, clusters = d[[g]], se_type = "CR2")
      save("estimatr", paste0("cr2:", g), e$std.error)
      save("estimatr", paste0("cr2:", g, ":df"), setNames(e$df, names(e$std.error)))
      if (weighted == "none") {
        e <- lm_robust(y ~ x + z, d, fixed_effects = ~f, clusters = d[[g]], se_type = "CR2")
        save("estimatr_absorbed", paste0("cr2:", g), e$std.error)
        save("estimatr_absorbed", paste0("cr2:", g, ":df"), setNames(e$df, names(e$std.error)))
      }
    }
    save("sandwich", "twoway", errors(vcovCL(m, cluster = d[c("region", "year")], type = "HC1", multi0 = FALSE)))
    # Weighted mean of the effects, the constant of Stata's areg: the first column after a change of basis.
    A <- diag(nlevels(d$f)); A[1, ] <- tapply(d$v, d$f, sum) / sum(d$v)
    B <- model.matrix(~ 0 + f, d) %*% solve(A)
    b <- if (weighted == "none") lm(y ~ 0 + B + x + z, d) else lm(y ~ 0 + B + x + z, d, weights = v)
    constant <- function(program, quantity, value) put(shape, weighted, program, quantity, "constant", value[[1]])
    constant("lm", "estimate", coef(b))
    constant("sandwich", "hc1", errors(vcovHC(b, "HC1")))
    if (shape != "singletons") constant("sandwich", "hc2", errors(vcovHC(b, "HC2")))
    for (g in c("unit", "region", "year")) {
      constant("sandwich", paste0("cluster:", g), errors(vcovCL(b, cluster = d[[g]], type = "HC1")))
      t <- coef_test(b, vcovCR(b, d[[g]], "CR2"), test = "Satterthwaite")
      constant("clubSandwich", paste0("cr2:", g), t$SE)
      constant("clubSandwich", paste0("cr2:", g, ":df"), t$df)
    }
    # Tests that rest on a covariance.
    wald <- waldtest(m, . ~ . - x - z, vcov = vcovCL(m, cluster = d$unit, type = "HC1"), test = "F")
    put(shape, weighted, "lmtest", "wald:unit", "F", wald$F[2])
    put(shape, weighted, "lm", "wald:classical", "F", waldtest(m, . ~ . - x - z, test = "F")$F[2])
    mean_of <- function(c) as.numeric((tapply(d$v * c, d$f, sum) / tapply(d$v, d$f, sum))[d$f])
    d$xm <- mean_of(d$x); d$zm <- mean_of(d$z)
    mundlak <- lm(y ~ x + z + xm + zm, d, weights = v)
    put(shape, weighted, "lmtest", "mundlak", "F", waldtest(mundlak, . ~ . - xm - zm,
      vcov = vcovCL(mundlak, cluster = d$unit, type = "HC1"), test = "F")$F[2])
    xb <- as.matrix(d[c("x", "z")]) %*% coef(m)[c("x", "z")]
    centred <- as.numeric(xb - sum(d$v * xb) / sum(d$v))
    d$p2 <- centred^2; d$p3 <- centred^3
    reset <- update(m, . ~ . + p2 + p3, data = d)
    put(shape, weighted, "lm", "reset:classical", "F", waldtest(reset, . ~ . - p2 - p3, test = "F")$F[2])
  }
  # plm knows no weights in these.
  p <- pdata.frame(d, index = c("unit", "year"))
  q <- plm(y ~ x + z, p, model = "within")
  save <- function(quantity, values) put_all(shape, "none", "plm", quantity, values)
  save("classical", errors(vcov(q)))
  save("arellano:none", errors(vcovHC(q, method = "arellano", type = "HC0")))
  save("arellano:sss", errors(vcovHC(q, method = "arellano", type = "sss")))
  for (lag in 0:2) save(paste0("scc:", lag), errors(vcovSCC(q, type = "HC0", maxlag = lag)))
  save("twoway:none", errors(vcovDC(q, type = "HC0")))
  # CR3 is the jackknife without its factor (M - 1)/M; with dummies written out it divides by zero.
  for (g in c("unit", "region")) put_all(shape, "none", "clubSandwich_plm", paste0("cr3:", g),
    errors(vcovCR(q, cluster = p[[g]], type = "CR3")))
  k <- coef_test(q, vcovCR(q, cluster = p$region, type = "CR2"), test = "Satterthwaite")
  put_all(shape, "none", "clubSandwich_plm", "cr2:region", setNames(k$SE, rownames(k)))
  put_all(shape, "none", "clubSandwich_plm", "cr2:region:df", setNames(k$df, rownames(k)))
  # Wooldridge's test by hand: differences one year apart, residuals on their lag, no constant.
  d <- d[order(d$unit, d$year), ]
  n <- nrow(d); step <- which(d$unit[-1] == d$unit[-n] & d$year[-1] - d$year[-n] == 1) + 1
  D <- data.frame(unit = d$unit[step], year = d$year[step], y = d$y[step] - d$y[step - 1],
                  x = d$x[step] - d$x[step - 1], z = d$z[step] - d$z[step - 1])
  D$e <- resid(lm(y ~ 0 + x + z, D))
  L <- transform(D, year = year + 1, lagged = e)[c("unit", "year", "lagged")]
  both <- merge(D, L)
  if (length(unique(both$unit)) > 2) {
    r <- lm(e ~ 0 + lagged, both)
    V <- vcovCL(r, cluster = both$unit, type = "HC0", cadjust = TRUE)
    put(shape, "none", "sandwich", "wooldridge", "F", (coef(r) + 0.5)^2 / V[1, 1])
  }
}
write.csv(do.call(rbind, rows), "r_output.csv", row.names = FALSE)
versions <- sapply(c("plm", "sandwich", "clubSandwich", "estimatr", "lmtest"), function(p) as.character(packageVersion(p)))
write.csv(data.frame(program = c("R", names(versions)), version = c(paste(R.version$major, R.version$minor, sep = "."), versions)),
          "r_versions.csv", row.names = FALSE)
