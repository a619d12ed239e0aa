"""The study as configured: experiments, patients, folds, and what each rule needs."""
