# Scores of homologous recombination deficiency by scarHRD's own functions.
#
#     Rscript copy_number_scars.R SCARHRD SHARED > copy_number_scars.csv
#
# SCARHRD is the folder `R` of github.com/sztup/scarHRD (calc.hrd.R at commit 1b870be, calc.ai_new.R
# at 727b0d7, calc.lst.R at 1d2fd6b, chrominfo_*.list); SHARED holds data/genomics/pcgr. The sixth
# column is the total copy number, as scarHRD's path through Sequenza has it; `scar_score` of a table
# leaves the copies of allele A there, which is not what its documentation says.
arguments <- commandArgs(trailingOnly = TRUE)
for (name in c("calc.hrd", "calc.ai_new", "calc.lst", "shrink.seg.ai", "shrink.seg.ai.wrapper",
               "preprocess.hrd")) {
  source(file.path(arguments[1], paste0(name, ".R")))
}
own <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))

scores <- function(path, name, build, sample) {
  table <- read.table(path, header = TRUE, sep = "\t", stringsAsFactors = FALSE)
  if (is.null(sample)) table <- cbind(sample = "", table)
  chrominfo <- read.table(file.path(arguments[1], paste0("chrominfo_", build, ".list")))
  major <- table[, 5]
  minor <- table[, 6]
  segments <- data.frame(
    sample = paste0("s", table[, 1]), chromosome = paste0("chr", table[, 2]), start = table[, 3],
    end = table[, 4], markers = 1, total = major + minor, major = major, minor = minor, ploidy = 2,
    contamination = 1, stringsAsFactors = FALSE)
  # The functions count on one sample at a time.
  for (one in unique(segments$sample)) {
    prepared <- preprocess.hrd(segments[segments$sample == one, ])
    losses <- unname(calc.hrd(prepared, sizelimit1 = 15e6))
    imbalances <- unname(calc.ai_new(prepared, chrominfo)[1, 1])
    transitions <- unname(calc.lst(prepared, chrominfo))
    values <- c(hrd_loh = losses, hrd_tai = imbalances, hrd_lst = transitions,
                hrd_sum = losses + imbalances + transitions)
    for (feature in names(values)) {
      cat(name, sub("grch", "GRCh", build), sub("^s", "", one), feature, values[feature],
          sep = ",", fill = FALSE)
      cat("\n")
    }
  }
}

cat("# R ", as.character(getRversion()), ", scarHRD, made by copy_number_scars.R\n", sep = "")
cat("file,build,sample,feature,value\n")
scores(file.path(own, "copy_number_ascat.tsv"), "copy_number_ascat.tsv", "grch38", "sample")
for (build in c("grch38", "grch37")) {
  name <- paste0("pcgr/examples/T001-BRCA.", build, ".cna.tsv")
  scores(file.path(arguments[2], "data/genomics", name), name, build, NULL)
}
