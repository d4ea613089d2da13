# Survival with its log-log interval at given values of one covariate, by R's survival.
# usage: Rscript tests/golden/core_precision.R > tests/golden/core_precision.json
suppressMessages(library(survival))
time <- c(5, 8, 8, 12, 13, 20, 21, 21, 30, 33, 40, 41, 55, 60, 61, 75, 80, 90, 92, 100)
event <- c(1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0)
x <- c(1.2, 0.7, -0.3, 1.9, 0.1, 0.8, -1.1, 0.4, 1.5, -0.6, 0.2, -0.9, 0.6, -1.4, 0.3, -0.2, -1.7, 0.5, -0.8, -1.3)
fit <- coxph(Surv(time, event) ~ x, ties = "breslow")
new <- c(-1.5, 0, 1.5)
at <- c(10, 40, 75)
curve <- survfit(fit, newdata = data.frame(x = new), conf.type = "log-log")
found <- summary(curve, times = at)
rows <- function(values) paste0("[", paste(apply(values, 1, function(row) paste0("[", paste(format(row, digits = 15), collapse = ", "), "]")), collapse = ", "), "]")
list_of <- function(values) paste0("[", paste(format(values, digits = 15, trim = TRUE), collapse = ", "), "]")
cat(sprintf('{"program": "R %s, survival %s",\n"time": %s,\n"event": %s,\n"x": %s,\n"slope": %s,\n"new": %s,\n"at": %s,\n"survival": %s,\n"low": %s,\n"high": %s}\n',
  getRversion(), packageVersion("survival"), list_of(time), list_of(event), list_of(x), format(coef(fit), digits = 15),
  list_of(new), list_of(at), rows(found$surv), rows(found$lower), rows(found$upper)))
