"""The orders of joints that are mistaken for one another."""

from umurl_search.clips.joint_orders import JOINT_ORDERS


def test_bones_join_joints_that_are_there_and_make_no_ring() -> None:
    for order in (one for one in JOINT_ORDERS if one.n_joints in (20, 25)):
        reached: list[set[int]] = [{joint} for joint in range(order.n_joints)]
        for a, b in order.bones:
            assert 0 <= min(a, b) <= max(a, b) < order.n_joints, order.name
            one = next(group for group in reached if a in group)
            other = next(group for group in reached if b in group)
            assert one is not other, (order.name, a, b)
            reached.remove(other)
            one |= other


def test_every_order_of_25_or_20_joints_has_most_of_them() -> None:
    for order in (one for one in JOINT_ORDERS if one.n_joints in (20, 25)):
        assert len({joint for bone in order.bones for joint in bone}) >= 19, order.name
