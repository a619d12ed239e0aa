"""The columns of every table, in the order in which they are written.

Readers ask for the columns that they use, and name them as they stand here.
"""

from .anatomy import ORGANS

# Of the index of a folder; further columns follow.
INDEX_COLUMNS = ("file", "sha256")
# Of the list of what a lot of patients has.
LOT_COLUMNS = ("patient", "file", "sha256")
# Of what an archive lists of a patient: whether it was unpacked, and if not why.
LISTED_COLUMNS = ("file", "state", "why")
SHEET_COLUMNS = ("patient", "cohort", "sequences")
FOLD_COLUMNS = ("fold", "patient", "role")

# Area of each organ in a slice.
AREAS = tuple(f"{organ}_mm2" for organ in ORGANS)
INVENTORY_COLUMNS = (
    *("patient", "sequence", "stem", "image", "ground", "instance_number", "position_mm"),
    *("row_spacing_mm", "column_spacing_mm", "slice_distance_mm", "rows", "columns", "echo_time_ms"),
    *("minimum", "maximum", "grey_levels", "ground_digest", *AREAS),
)
FINDING_COLUMNS = ("patient", "sequence", "file", "severity", "flag", "message")
# Quality control: one row per patient and sequence.
VOLUME_COLUMNS = (
    *("patient", "sequence", "slices", "slices_with_liver", "rows", "columns", "row_spacing_mm", "column_spacing_mm"),
    *("slice_distance_mm", "echo_time_ms", "minimum", "maximum"),
    *(f"{organ}_ml" for organ in ORGANS),
    *("errors", "warnings", "accepted"),
)
# Slices and masks of each patient's sequence at each step from the archive to the tables.
COUNT_COLUMNS = (
    *("patient", "sequence", "listed_images", "unpacked_images", "read_images", "png_images", "scored"),
    *("listed_masks", "unpacked_masks", "paired_masks", "binary_masks", "left_out"),
)

# Whose a slice is.
OWNER = ("patient", "sequence", "stem")
# The pixels of the DICOM image; a drawn slice has others.
OWN_SHAPE = ("rows", "columns")
# Where those pixels lie.
LATTICE = ("row_spacing_mm", "column_spacing_mm", "position_mm", *OWN_SHAPE)
# What an index of images or of augmented samples says of each: `low` and `high` are the grey values of its window.
PLACE = ("low", "high", *LATTICE)
# What of it is read to show a slice to people.
GREY_COLUMNS = ("low", "high", *OWN_SHAPE)

HISTORY_COLUMNS = ("epoch", "training_loss", "validation_loss", "validation_dice", "learning_rate")
# Of the indexes of predictions and of triplets.
PREDICTION_COLUMNS = ("cohort", *OWNER)

RUN = ("experiment", "fold", "seed")
SLICE_COLUMNS = (
    *(*RUN, "cohort", *OWNER, "position_mm", "reference_mm2", "predicted_mm2"),
    # `scores` says what `dice` is of: the mask, or grey logits.
    *("scores", "dice", "dice_of_mask"),
)
MEASURES = (
    *("mean_dice_all_slices", "mean_dice_organ_slices", "dice_3d"),
    *("ravd_percent", "assd_mm", "hd95_mm", "mssd_mm", "nsd", "challenge_score"),
)
PATIENT_COLUMNS = (
    *(*RUN, "cohort", "patient", "sequence", "slices", "slices_with_organ"),
    *(*MEASURES, "reference_ml", "predicted_ml"),
)

GROUP = ["experiment", "cohort", "sequence"]
COUNTS = ("patients", "slices", "share_of_empty_slices", "empty_predictions", "volumes_without_distance")
STATISTICS = ("mean", "sd", "median", "min", "max", "ci_low", "ci_high")
EXPERIMENT_COLUMNS = (
    *(*GROUP, *COUNTS, "pooled_dice"),
    *(f"{measure}_{name}" for measure in MEASURES for name in STATISTICS),
)
PUBLICATION_COLUMNS = (*GROUP, *COUNTS, "measure", *STATISTICS)
COMPARISON_COLUMNS = (
    *("baseline", "experiment", "cohort", "sequence", "measure", "better", "pairs", "baseline_mean", "experiment_mean"),
    *("mean_difference", "ci_low", "ci_high", "median_difference", "rank_biserial", "note"),
)
PRICE_COLUMNS = (
    *("put_right", "experiment", "patients", "slices", "dice", "ci_low", "ci_high"),
    *("difference", "difference_ci_low", "difference_ci_high"),
)
VERDICT_COLUMNS = (
    *("question", "experiment", "against", "sequence", "verdict", "patients", "against_mean", "experiment_mean"),
    *("mean_difference", "confidence", "ci_low", "ci_high", "p", "p_holm", "sd_difference", "detectable_difference"),
    "note",
)
VARIANCE_COLUMNS = (
    *("experiment", "sequence", "patients", "draws", "seeds", "mean", "sd_patients", "sd_draws", "sd_seeds", "note"),
)
MATRIX_MEASURES = (
    *("mean_dice_all_slices", "mean_dice_organ_slices", "dice_3d"),
    *("assd_mm", "hd95_mm", "mssd_mm", "nsd", "challenge_score"),
)
MATRIX_COLUMNS = (
    *("experiment", "train_on", "score_on", "cohort", "seen_in_training", "patients"),
    *(f"{measure}_{name}" for measure in MATRIX_MEASURES for name in STATISTICS),
)
TRAINING_COLUMNS = (
    *("experiment", "fold", "seed", "training_patients", "training_sequences", "validated_on", "epochs"),
    *("chosen_epoch", "validation_dice", "test_patients", "test_dice_3d", "optimism"),
)
# Of an exam that has a ground truth.
EXAM_SCORES = ("reference_ml", "dice_3d", "assd_mm", "hd95_mm", "mssd_mm", "nsd")
# Of the table of exams: who uses the network for use reads a row per exam.
EXAM_COLUMNS = (
    *("exam", "organ", "volume_ml", "slices", "slices_with_organ", "left_right_mm", "front_back_mm", "head_foot_mm"),
    *("trained_on_slices", *EXAM_SCORES, "flags", "experiment", "pack", "seconds"),
)
# Of the table of what the challenge's zip holds: a row per volume.
SUBMISSION_COLUMNS = (
    *("patient", "sequence", "experiment", "slices", "rows", "columns", "slices_with_liver", "liver_voxels"),
    "liver_ml",
)
# Of the study's tables: everything else in them is a number.
TEXT_COLUMNS = {
    *(*RUN, "cohort", *OWNER, "scores"),
    *("baseline", "measure", "better", "note", "put_right", "question", "against", "verdict"),
}
