# Writes dashboard_groups.json: what R finds in two groups of the lung cohort of its survival package.
# Run as: Rscript dashboard_groups.R  (Debian: r-cran-survival r-cran-jsonlite)
suppressMessages({library(survival); library(jsonlite)})

d <- data.frame(time = lung$time, event = lung$status == 2, high = lung$sex == 1)
curves <- survfit(Surv(time, event) ~ high, data = d, conf.type = "log-log")
test <- survdiff(Surv(time, event) ~ high, data = d)
cox <- coxph(Surv(time, event) ~ high, data = d, control = coxph.control(eps = 1e-12, iter.max = 50))
at <- c(182.625, 365.25, 730.5)
points <- summary(curves, times = at)
medians <- summary(curves)$table[, c("median", "0.95LCL", "0.95UCL")]
steps <- summary(curves, censored = TRUE)
group <- function(name) {
  rows <- points$strata == paste0("high=", name)
  all <- steps$strata == paste0("high=", name)
  list(
    median = unname(medians[paste0("high=", name), ]),
    survival = points$surv[rows], low = points$lower[rows], high = points$upper[rows],
    curve = list(time = steps$time[all], at_risk = steps$n.risk[all], survival = steps$surv[all],
                 low = steps$lower[all], high = steps$upper[all])
  )
}
out <- list(
  made_by = paste0("dashboard_groups.R, ", R.version.string, ", survival ", packageVersion("survival")),
  cohort = as.list(d),
  horizons = at,
  high = group("TRUE"), low = group("FALSE"),
  log_rank = c(test$chisq, pchisq(test$chisq, 1, lower.tail = FALSE)),
  hazard_ratio = unname(summary(cox)$conf.int[c(1, 3, 4)])
)
write(toJSON(out, digits = NA, na = "null", auto_unbox = TRUE), "dashboard_groups.json")
