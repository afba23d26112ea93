"""Joint names, bones and joint layouts: data only.

Joint numbers in the literature are 1-based; the tuples here are 0-based.
"""

N_JOINTS = 25
N_PEOPLE = 2
N_FRAMES = 64
"""Frames of a clip as the network reads it."""

JOINTS = (
    "spine base",
    "spine mid",
    "neck",
    "head",
    "left shoulder",
    "left elbow",
    "left wrist",
    "left hand",
    "right shoulder",
    "right elbow",
    "right wrist",
    "right hand",
    "left hip",
    "left knee",
    "left ankle",
    "left foot",
    "right hip",
    "right knee",
    "right ankle",
    "right foot",
    "spine shoulder",
    "left hand tip",
    "left thumb",
    "right hand tip",
    "right thumb",
)

SPINE_MID, LEFT_SHOULDER, RIGHT_SHOULDER = 1, 4, 8

PARENTS = (
    1,
    20,
    20,
    2,
    20,
    4,
    5,
    6,
    20,
    8,
    9,
    10,
    0,
    12,
    13,
    14,
    0,
    16,
    17,
    18,
    20,
    22,
    7,
    24,
    11,
)
"""Parent of each joint in the bone modality (UmURL's 25 pairs); joint 21 is its own parent, a zero bone."""
