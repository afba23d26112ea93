"""What the demo prints: how to train longer."""

from cli.print_demo import longer


def test_the_way_to_train_longer_is_to_the_end_or_the_next_size() -> None:
    assert longer({"epochs": 4, "planned_epochs": 16}) == (
        "train demo --preset tiny",
        "to train all 16 epochs",
    )
    larger = ("train demo --preset small", "to train a larger one, 80 epochs")
    assert longer({"epochs": 16, "planned_epochs": 16}) == larger
