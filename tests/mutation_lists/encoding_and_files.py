"""Mutations of the way from frames to embeddings, and of what is left on the disk."""

from mutation_lists.mutation import Mutation

RAGGED = "encoder/ragged.py"
FOLDED = "encoder/folded.py"
LOSSES = "encoder/losses.py"
FOLDERS = "umurl_search/files/sealed_folder.py"
ATOMIC = "umurl_search/files/atomic.py"
SOUNDNESS = "umurl_search/maintenance/verify.py"
COMPACT = "umurl_search/maintenance/compact.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        RAGGED,
        "torch.minimum(low + 1, length[:, None] - 1)",
        "low + 1",
        "tests/test_encoder_ragged.py::test_the_resize_is_torchs",
    ),
    Mutation(
        RAGGED,
        "frames * (n_people > person)[:, None, None, None]",
        "frames",
        "tests/test_encoder_ragged.py::test_the_resize_is_torchs",
    ),
    Mutation(
        FOLDED,
        "encoder.absent_bias.to(self._dtype) if clips.shape[2] == 1 else None",
        "None",
        "tests/test_encoder_folded.py::test_float32_is_the_networks_own",
    ),
    Mutation(
        LOSSES,
        "(z - z.mean(dim=0)).square()",
        "(u - z.mean(dim=0)).square()",
        "tests/test_encoder_losses.py::test_the_whole_loss",
    ),
    Mutation(
        FOLDERS,
        "    if folder != target:\n        _put_aside(target)\n",
        "    if folder != target:\n        shutil.rmtree(target, ignore_errors=True)\n",
        "tests/test_files_sealed_folder.py::test_what_is_replaced_is_deleted_when_the_new_is_in_its_place",
    ),
    Mutation(
        FOLDERS,
        "        _sync(path)\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    Mutation(
        FOLDERS,
        "    _sync(target.parent)\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    Mutation(
        ATOMIC,
        "            os.fsync(file.fileno())\n",
        "",
        "tests/test_files_atomic.py::test_all_is_on_the_disk_before_it_takes_the_place",
    ),
    Mutation(
        ATOMIC,
        "            file.flush()\n",
        "",
        "tests/test_files_atomic.py::test_all_is_on_the_disk_before_it_takes_the_place",
    ),
    Mutation(
        SOUNDNESS,
        "room / name, full=True)",
        "room / name, full=False)",
        "tests/test_maintenance_verify.py::test_large_files_are_hashed",
    ),
    Mutation(
        SOUNDNESS,
        "(said != clips.extents()).any(axis=1)",
        "(said != clips.extents()).all(axis=1)",
        "tests/test_maintenance_verify.py::test_a_clip_of_another_size_than_the_catalog_says_is_named",
    ),
    Mutation(
        SOUNDNESS,
        "if not clips.holds_all():",
        "if False:",
        "tests/test_maintenance_verify.py::test_a_clip_that_the_store_does_not_hold_is_named",
    ),
    Mutation(
        COMPACT,
        "maps = fit_maps(arrays, index.transform)",
        "maps = index.all_maps()",
        "tests/test_maintenance_compact.py::test_a_compacted_index_has_the_maps_of_the_clips_that_are_there",
    ),
)
