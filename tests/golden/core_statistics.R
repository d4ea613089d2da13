# Writes core_statistics_r.json: what R finds in the cohort of core_statistics.json.
# Run as: Rscript core_statistics.R  (Debian: r-cran-survival r-cran-proc r-cran-glmnet r-cran-cmprsk r-cran-jsonlite)
suppressMessages({library(survival); library(pROC); library(glmnet); library(cmprsk); library(jsonlite)})

golden <- fromJSON("core_statistics.json")
d <- golden$cohort
x <- d$x
usual <- Surv(d$time, d$event)
late <- Surv(d$entry, d$time, d$event)

curve <- survfit(late ~ 1, conf.type = "log-log")
mean_by <- function(tau) summary(survfit(usual ~ 1), rmean = tau)$table[c("rmean", "se(rmean)")]
strata <- survdiff(usual ~ d$group + strata(d$stratum))
groups <- survdiff(usual ~ d$group)
score <- c(0, 1, 2)
trend <- sum(score * (groups$obs - groups$exp))^2 / drop(score %*% groups$var %*% score)
cox_late <- coxph(late ~ x, control = coxph.control(eps = 1e-12, iter.max = 50))
cox_cause <- coxph(usual ~ x, control = coxph.control(eps = 1e-12, iter.max = 50))
slope <- coxph(usual ~ d$risk[1, ], control = coxph.control(eps = 1e-12, iter.max = 50))
a <- d$risk[1, ]; b <- d$risk[2, ]
fixed <- function(risk) coxph(usual ~ risk, init = 1, control = coxph.control(iter.max = 0))
pair <- concordance(fixed(a), fixed(b))
alone <- concordance(usual ~ a, reverse = TRUE)
late_c <- concordance(late ~ a, reverse = TRUE)
incidence <- cuminc(d$time, d$cause)[["1 1"]]
at <- c(200, 500, 1000)
cum <- timepoints(cuminc(d$time, d$cause), at)
first <- roc(d$event, a, direction = "<", quiet = TRUE); second <- roc(d$event, b, direction = "<", quiet = TRUE)
test <- roc.test(first, second, method = "delong", paired = TRUE)
net <- lapply(1:3, function(i) {
  e <- golden$elastic_net
  factors <- e$factors[[i]]
  if (is.null(factors)) factors <- rep(1, ncol(e$x[[i]]))
  # glmnet tells censorings from events of one time by adding 100 machine epsilons, lost above 128.
  fit <- glmnet(e$x[[i]], Surv(e$time[[i]] / 1000, e$event[[i]]), family = "cox", alpha = e$l1_ratio[i],
                lambda = e$penalties[[i]], standardize = FALSE, thresh = 1e-16, maxit = 1e7,
                penalty.factor = factors)
  t(as.matrix(fit$beta))
})
out <- list(
  made_by = paste("core_statistics.R,", R.version.string, paste(sapply(
    c("survival", "pROC", "glmnet", "cmprsk"), function(p) paste(p, packageVersion(p))), collapse = ", ")),
  late = list(time = curve$time, at_risk = curve$n.risk, survival = curve$surv, low = curve$lower,
              high = curve$upper, hazard = curve$cumhaz, hazard_error = curve$std.chaz),
  restricted_mean = unname(mean_by(d$tau)),
  log_rank_stratified = c(strata$chisq, pchisq(strata$chisq, 2, lower.tail = FALSE)),
  log_rank_trend = c(trend, pchisq(trend, 1, lower.tail = FALSE)),
  cox_late = list(coefficients = unname(coef(cox_late)), log_likelihood = cox_late$loglik[2]),
  cox_cause = list(coefficients = unname(coef(cox_cause)), errors = unname(sqrt(diag(vcov(cox_cause))))),
  slope = unname(c(coef(slope), sqrt(vcov(slope)))),
  concordance = unname(c(alone$concordance, sqrt(alone$var))),
  concordance_pair = unname(c(coef(pair)[1] - coef(pair)[2], sqrt(drop(c(1, -1) %*% vcov(pair) %*% c(1, -1))))),
  concordance_late = unname(c(late_c$count[c("concordant", "discordant", "tied.x")])),
  incidence = list(time = at, incidence = unname(cum$est["1 1", ]), variance = unname(cum$var["1 1", ])),
  delong = unname(c(auc(first), sqrt(var(first, method = "delong")), auc(second), test$statistic, test$p.value)),
  elastic_net = net
)
write(toJSON(out, digits = NA, na = "null", auto_unbox = TRUE), "core_statistics_r.json")
