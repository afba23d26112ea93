"""What the demo prints: how to train longer."""

from cli.demo_results import TrainedBefore
from cli.print_demo import suggest_longer_training


def test_the_way_to_train_longer_is_to_the_end_or_the_next_size() -> None:
    stopped, ended = (TrainedBefore(encoder="e", epochs=epochs, planned_epochs=16) for epochs in (4, 16))
    assert suggest_longer_training(stopped) == ("train demo --preset tiny", "to train all 16 epochs")
    assert suggest_longer_training(ended) == ("train demo --preset small", "to train a larger one, 80 epochs")
