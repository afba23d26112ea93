"""The sensor of the demo corpus: cameras move the stage as a whole, its error is that of a sensor."""

import numpy as np
from made_people import aligned_error, standing_body, take_of

from umurl_search.synthetic import demo_corpus, demo_sensor


def test_cameras_are_rigid_motions_of_the_stage() -> None:
    joints = demo_corpus.perform(take_of("hug", 10))
    views = [demo_sensor.to_camera_space(joints, setup=2, camera=camera) for camera in (1, 2, 3)]
    assert max(aligned_error(view, joints) for view in views) < 1e-9
    assert np.abs(views[0] - views[2]).max() > 0.3


def test_camera_2_sees_the_left_hand_of_a_person_who_faces_it_at_lower_x() -> None:
    seen = demo_sensor.to_camera_space(standing_body()[None, None], setup=1, camera=2)[0, 0]
    assert seen[7, 0] < -0.1 < 0.1 < seen[11, 0]
    assert seen[3, 1] > seen[0, 1] > seen[15, 1]
    assert seen[15, 2] < seen[14, 2]  # the feet point at the sensor


def test_noise_is_larger_at_hands_and_correlated_in_time() -> None:
    joints = demo_sensor.to_camera_space(
        np.repeat(demo_corpus.perform(take_of("point", 1))[:1], 2000, axis=0), setup=1, camera=2
    )
    seen = demo_sensor.simulate_sensor(joints, np.random.default_rng(0)).astype(float)
    there = seen[:, 0, 0].any(axis=-1)
    error = (seen - joints)[there, 0]
    error -= np.median(error, axis=0)
    deviation = error.std(axis=0).mean(axis=-1)
    assert deviation[[21, 23]].min() > 1.5 * deviation[[0, 1, 20]].max()
    steady = error[:, 0, 0]
    assert np.corrcoef(steady[1:], steady[:-1])[0, 1] > 0.4
