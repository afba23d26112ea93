"""The roles of joints, by the names of several makers."""

import pytest

from umurl_search.readers.rig_roles import Tree, find_roles, spine_joints

ROLES = ("collar", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe")
TRUNK = ("hips", "neck", "head")

RIGS = {
    "bandai": (
        "Shoulder_{S} UpperArm_{S} LowerArm_{S} Hand_{S} UpperLeg_{S} LowerLeg_{S} Foot_{S} Toes_{S}",
        "Hips Neck Head",
    ),
    "mixamo": (
        "mixamorig:{Side}Shoulder mixamorig:{Side}Arm mixamorig:{Side}ForeArm mixamorig:{Side}Hand "
        "mixamorig:{Side}UpLeg mixamorig:{Side}Leg mixamorig:{Side}Foot mixamorig:{Side}ToeBase",
        "mixamorig:Hips mixamorig:Neck mixamorig:Head",
    ),
    "lafan1": (
        "{Side}Shoulder {Side}Arm {Side}ForeArm {Side}Hand {Side}UpLeg {Side}Leg {Side}Foot {Side}Toe",
        "Hips Neck Head",
    ),
    "cmu": (
        "{Side}Shoulder {Side}Arm {Side}ForeArm {Side}Hand {Side}UpLeg {Side}Leg {Side}Foot {Side}ToeBase",
        "Hips Neck Head",
    ),
    "cmu for poser": ("{s}Collar {s}Shldr {s}ForeArm {s}Hand {s}Thigh {s}Shin {s}Foot {s}Toe", "hip neck head"),
    "cmu asf": ("{s}clavicle {s}humerus {s}radius {s}wrist {s}femur {s}tibia {s}foot {s}toes", "pelvis lowerneck head"),
    "xsens": (
        "{Side}Collar {Side}Shoulder {Side}Elbow {Side}Wrist {Side}Hip {Side}Knee {Side}Ankle {Side}Toe",
        "Hips Neck Head",
    ),
    "100style": (
        "{Side}Collar {Side}Shoulder {Side}Elbow {Side}Wrist {Side}Hip {Side}Knee {Side}Ankle {Side}Toe",
        "Hips Neck Head",
    ),
    "xsens mvn": (
        "{Side}Shoulder {Side}UpperArm {Side}ForeArm {Side}Hand {Side}UpperLeg {Side}LowerLeg {Side}Foot {Side}Toe",
        "Pelvis Neck Head",
    ),
    "rokoko": (
        "{Side}Shoulder {Side}Arm {Side}ForeArm {Side}Hand {Side}Thigh {Side}Shin {Side}Foot {Side}Toe",
        "Hips Neck Head",
    ),
    "truebones": (
        "Bip01_{S}_Clavicle Bip01_{S}_UpperArm Bip01_{S}_Forearm Bip01_{S}_Hand Bip01_{S}_Thigh Bip01_{S}_Calf "
        "Bip01_{S}_Foot Bip01_{S}_Toe0",
        "Bip01_Pelvis Bip01_Neck Bip01_Head",
    ),
    "biped": (
        "Bip001_{S}_Clavicle Bip001_{S}_UpperArm Bip001_{S}_Forearm Bip001_{S}_Hand Bip001_{S}_Thigh Bip001_{S}_Calf "
        "Bip001_{S}_Foot Bip001_{S}_Toe0",
        "Bip001_Pelvis Bip001_Neck Bip001_Head",
    ),
    "unreal": (
        "clavicle_{s} upperarm_{s} lowerarm_{s} hand_{s} thigh_{s} calf_{s} foot_{s} ball_{s}", "pelvis neck_01 head",
    ),
    "blender": (
        "shoulder.{S} upper_arm.{S} forearm.{S} hand.{S} thigh.{S} shin.{S} foot.{S} toe.{S}", "hips neck head",
    ),
    "smpl": ("{S}_Collar {S}_Shoulder {S}_Elbow {S}_Wrist {S}_Hip {S}_Knee {S}_Ankle {S}_Foot", "Pelvis Neck Head"),
    "vrm": (
        "J_Bip_{S}_Shoulder J_Bip_{S}_UpperArm J_Bip_{S}_LowerArm J_Bip_{S}_Hand J_Bip_{S}_UpperLeg J_Bip_{S}_LowerLeg "
        "J_Bip_{S}_Foot J_Bip_{S}_ToeBase",
        "J_Bip_C_Hips J_Bip_C_Neck J_Bip_C_Head",
    ),
    "motive": ("{S}Shoulder {S}UArm {S}FArm {S}Hand {S}Thigh {S}Shin {S}Foot {S}Toe", "Hip Neck Head"),
    "kinect": (
        "Collar{Side} Shoulder{Side} Elbow{Side} Wrist{Side} Hip{Side} Knee{Side} Ankle{Side} Foot{Side}",
        "HipCenter Neck Head",
    ),
    "beat": ("{S}Shoulder {S}Arm {S}Arm1 {S}Hand {S}UpLeg {S}Leg {S}Foot {S}ToeBase", "Hips Neck Head"),
    "small letters": (
        "{side}shoulder {side}arm {side}forearm {side}hand {side}upleg {side}leg {side}foot {side}toe",
        "hips neck head",
    ),
}  # fmt: skip


def tree_of(
    limbs: str, trunk: str, *, spine: tuple[str, ...] = ("Spine", "Spine1")
) -> tuple[Tree, dict[str, str]]:
    """A rig of these names, and what each is for."""
    hips, neck, head = trunk.split()
    names, parents = [hips, *spine, neck, head], [-1, *range(len(spine)), len(spine), len(spine) + 1]
    meant = dict(zip(TRUNK, (hips, neck, head), strict=True))
    for side, mark in (("left", "L"), ("right", "R")):
        spelt = limbs.format(S=mark, s=mark.lower(), Side=side.title(), side=side).split()
        for at, (role, name) in enumerate(zip(ROLES, spelt, strict=True)):
            parents.append({0: len(spine), 4: 0}.get(at, len(names) - 1))
            names.append(name)
            meant[f"{side} {role}"] = name
        names.append(f"{spelt[-1]} end")
        parents.append(len(names) - 2)
    return Tree(names, parents), meant


@pytest.mark.parametrize("maker", RIGS)
def test_the_joints_of_makers_are_known(maker: str) -> None:
    tree, meant = tree_of(*RIGS[maker])
    found = {role: tree.names[at] for role, at in find_roles(tree).items()}
    assert {role: found.get(role) for role in meant} == meant


@pytest.mark.parametrize(
    "spine",
    [
        ("Spine", "Spine1", "Spine2"), ("Chest", "Chest2", "Chest3", "Chest4"), ("LowerBack", "Spine", "Spine1"),
        ("L5", "L3", "T12", "T8"), ("abdomen", "chest"), ("spine_01", "spine_02", "spine_03"),
    ],
)  # fmt: skip
def test_the_spine_is_what_lies_between_hips_and_shoulders(spine: tuple[str, ...]) -> None:
    tree, _ = tree_of(*RIGS["lafan1"], spine=spine)
    assert [tree.names[at] for at in spine_joints(tree, find_roles(tree))] == list(spine)


def test_joints_that_only_help_have_no_role() -> None:
    names = (
        "Hips",
        "LHipJoint",
        "LeftUpLeg",
        "LeftUpLegTwist",
        "LeftLeg",
        "ik_foot_l",
        "foot_l",
        "LeftLegRoll",
    )
    tree = Tree(names, (-1, 0, 1, 2, 2, 0, 4, 4))
    found = {role: names[at] for role, at in find_roles(tree).items()}
    assert found == {"left hip": "LeftUpLeg", "left knee": "LeftLeg", "left ankle": "foot_l", "hips": "Hips"}


def test_hips_of_another_name_are_where_the_legs_meet() -> None:
    names = ("root", "lhipjoint", "lfemur", "ltibia", "rhipjoint", "rfemur", "rtibia")
    assert find_roles(Tree(names, (-1, 0, 1, 2, 0, 4, 5)))["hips"] == 0


def test_a_leg_alone_is_no_thigh() -> None:
    assert find_roles(Tree(("Hips", "LeftLeg"), (-1, 0))) == {"hips": 0}


@pytest.mark.parametrize(
    ("below", "hand", "thumb"),
    [
        (("LeftHandThumb1", "LeftHandThumb2"), None, "LeftHandThumb2"),
        (("LeftHandIndex1", "LeftHandIndex2"), "LeftHandIndex2", None),
        (("LThumb", "LThumb end"), None, "LThumb end"),
        (("LeftHand end",), "LeftHand end", None),
        (("Bip01 L Finger0", "Bip01 L Finger02"), None, "Bip01 L Finger02"),
    ],
)  # fmt: skip
def test_hands_and_thumbs_end_where_their_last_joint_is(
    below: tuple[str, ...], hand: str | None, thumb: str | None
) -> None:
    names = ("LeftArm", "LeftForeArm", "LeftHand", *below)
    found = {
        role: names[at] for role, at in find_roles(Tree(names, tuple(range(-1, len(names) - 1)))).items()
    }
    assert (found.get("left hand end"), found.get("left thumb end")) == (hand, thumb)


def test_the_middle_finger_is_preferred() -> None:
    names = (
        "LeftArm",
        "LeftForeArm",
        "LeftHand",
        "LeftHandIndex1",
        "LeftHandMiddle1",
        "LeftHandThumb1",
        "HeadTop",
    )
    found = find_roles(Tree(names, (-1, 0, 1, 2, 2, 2, -1)))
    assert (found["left hand end"], found["left thumb end"]) == (4, 5)


def test_feet_without_toes_end_where_they_end() -> None:
    names = ("LeftFoot", "LeftFoot end", "Head", "HeadTop_End")
    found = find_roles(Tree(names, (-1, 0, -1, 2)))
    assert (found["left toe"], found["head end"]) == (1, 3)


def test_the_plainest_of_several_names_is_meant() -> None:
    names = ("Hips", "Prop1_LeftHand", "Extra_Hips", "LeftForeArm2", "LeftHand", "LeftForeArm")
    found = {role: names[at] for role, at in find_roles(Tree(names, (-1, 0, 0, 0, 0, 0))).items()}
    assert (found["left wrist"], found["left elbow"], found["hips"]) == ("LeftHand", "LeftForeArm", "Hips")


def test_limbs_without_hands_and_feet_end_in_wrists_and_ankles() -> None:
    names = ("Hips", "LeftUpLeg", "LeftLeg", "LeftLeg end", "LeftArm", "LeftForeArm", "LeftForeArm end")
    found = {role: names[at] for role, at in find_roles(Tree(names, (-1, 0, 1, 2, 0, 4, 5))).items()}
    assert (found["left ankle"], found["left wrist"]) == ("LeftLeg end", "LeftForeArm end")
    assert not {"left toe", "left hand end"} & set(found)
