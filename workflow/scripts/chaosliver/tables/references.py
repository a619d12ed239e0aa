"""What the methods page says in every study: its references, licences, measures and statistics."""

REFERENCES = (
    "Kavur AE, Gezer NS, Baris M, et al. CHAOS Challenge: combined (CT-MR) healthy abdominal organ segmentation. "
    "Medical Image Analysis 69 (2021) 101950. doi 10.1016/j.media.2020.101950",
    "Kavur AE, Selver MA, Dicle O, Baris M, Gezer NS. CHAOS Challenge data. Zenodo, 2019. doi 10.5281/zenodo.3431873",
    "Bloice MD, Roth PM, Holzinger A. Biomedical image augmentation using Augmentor. Bioinformatics 35 (2019) 4522. "
    "doi 10.1093/bioinformatics/btz259",
    "Ronneberger O, Fischer P, Brox T. U-Net: convolutional networks for biomedical image segmentation. MICCAI 2015. "
    "doi 10.1007/978-3-319-24574-4_28",
    "Mölder F, Jablonski KP, Letcher B, et al. Sustainable data analysis with Snakemake. F1000Research 10 (2021) 33. "
    "doi 10.12688/f1000research.29032.2",
    "Hesterberg TC. What teachers should know about the bootstrap. The American Statistician 69 (2015) 371. "
    "doi 10.1080/00031305.2015.1089789",
    "Kerby DS. The simple difference formula. Comprehensive Psychology 3 (2014) 1. doi 10.2466/11.IT.3.1",
    "Bland JM, Altman DG. Statistical methods for assessing agreement between two methods of clinical measurement. "
    "The Lancet 327 (1986) 307. doi 10.1016/S0140-6736(86)90837-8",
    "Li X, Chen H, Qi X, Dou Q, Fu CW, Heng PA. H-DenseUNet: hybrid densely connected UNet for liver and tumor "
    "segmentation from CT volumes. IEEE Transactions on Medical Imaging 37 (2018) 2663. doi 10.1109/TMI.2018.2845918",
    "Maier-Hein L, Reinke A, Godau P, et al. Metrics reloaded: recommendations for image analysis validation. Nature "
    "Methods 21 (2024) 195. doi 10.1038/s41592-023-02151-z",
    "Nikolov S, Blackwell S, Zverovitch A, et al. Clinically applicable segmentation of head and neck anatomy for "
    "radiotherapy: deep learning algorithm development and validation study. Journal of Medical Internet Research 23 "
    "(2021) e26151. doi 10.2196/26151",
)
LICENCE = (
    "The CHAOS data (references 1 and 2) are under the licence CC BY-NC-SA 4.0: pictures that show them may not be "
    "used commercially, and must be shared under the same terms, with the sources cited. Whether that reaches networks "
    "trained on them is not settled; the model cards keep to it."
)
PHANTOM = (
    "The slices are a phantom that the workflow drew: the results show that the workflow runs, and say nothing about "
    "patients. Nothing in this report is from the CHAOS data."
)
CODE_LICENCE = "The workflow's code is under the MIT licence."
# `tolerance_mm` is that of the configuration; the others are of measure/patient_statistics.py.
METRICS = (
    "Predictions were resampled to each image's own grid and compared there with the ground truth. Dice is given as "
    "the mean over all slices of a patient, where a slice without organ in both counts as 1, as the mean over the "
    "slices that contain the organ in the ground truth, and for the whole volume. RAVD (percent), ASSD and MSSD (mm, "
    "between border voxels at the slices' true positions) and the challenge's score are those of the challenge's "
    "evaluation code. HD95 (mm) is the larger of the 95th percentiles of the distances from either surface to the "
    "other (reference 10), and the surface Dice the share of the border voxels of both within {tolerance_mm:g} mm of "
    "the other surface (reference 11), both of the same border voxels as ASSD. An empty prediction has no distance, "
    "and a surface Dice and a score of 0. The unit of all statistics is the patient; seeds and draws of the folds are "
    "replicates. Experiments were compared with the first one, and with the one that they are based on, patient by "
    "patient, without a test. The effect size is the matched-pairs rank-biserial correlation, without the patients "
    "that do not differ (reference 7). Intervals are bootstrapped over patients (95 %, percentiles of {resamples} "
    "resamples with seed {seed}, widened for small samples; reference 6), and none is given for fewer than {fewest} "
    "patients; volumes are compared by bias and 95 % limits of agreement (reference 8)."
)
# Where the configuration has contrasts: `run` says how many were run, `detectable` is a sentence.
PLANNED = (
    "The plan has {contrasts} of the 3D Dice, {run}, judged by the rules of docs/analysis_plan.md: paired t-tests over "
    "all patients, those that do not differ included, with Holm's correction over all contrasts, those not run "
    "included, and intervals at the levels of Holm's procedure. A difference is called better or worse where that "
    "interval excludes 0, equivalent where it lies within {margin:g} either way, and else undecided. {detectable} All "
    "other comparisons are secondary: differences and intervals without a verdict."
)
NO_PLAN = (
    "This study has no contrasts planned beforehand: all its comparisons are secondary, without a test, a margin of "
    "equivalence or a detectable difference."
)
