"""The rows in `FORMATS` of files that motion capture and body trackers write, one clip a file.

Their readers are imported when a file is opened or examined.
"""

import importlib
from collections.abc import Mapping
from typing import Any


def _row(
    module: str, *, reader: str, is_file: str, suffix: str, store_bytes: float = 1.0
) -> Mapping[str, Any]:
    """The fields of a `Format`, by names in a module of this package, which has a `read_clip` too."""

    def load() -> Any:
        return importlib.import_module(f"umurl_search.readers.{module}")

    return {
        "open": lambda roots, options: getattr(load(), reader)(roots, layout=options.layout),
        "suffix": suffix,
        "is_file": lambda path: getattr(load(), is_file)(path),
        "store_bytes": store_bytes,
        "has_recording_files": True,
        "is_clip_a_file": True,
        "read_clip": lambda path, how: load().read_clip(path, layout=how.layout),
    }


ROWS: Mapping[str, Mapping[str, Any]] = {
    "azure-kinect": _row(
        "azure_kinect", reader="AzureKinectReader", is_file="is_azure_kinect", suffix=".json"
    ),
    "bvh": _row("bvh", reader="BvhReader", is_file="is_bvh_file", suffix=".bvh"),
    "c3d": _row("c3d", reader="C3dReader", is_file="is_c3d", suffix=".c3d", store_bytes=4.0),
    "pose": _row("pose_file", reader="PoseReader", is_file="is_pose", suffix=".pose"),
    "amass": _row("amass", reader="AmassReader", is_file="is_amass", suffix=".npz", store_bytes=2.0),
}
"""format -> fields"""
