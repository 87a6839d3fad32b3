"""Checkpoints: what people say of one goes before what its files say."""

from app.models.files import Checkpoint


def test_what_people_say_goes_before_what_the_files_say() -> None:
    checkpoint = Checkpoint(facts={"step": 10, "width": 64}, stated={"step": 20})
    assert checkpoint.known == {"step": 20, "width": 64}
