from firmware.wire import identity
from firmware.wire.errors import BadValue

from .raising import raised


def test_the_generations_of_two_epochs_never_meet():
    for epoch in (0, 1, 77):
        first, last = identity.first_generation(epoch), identity.last_generation(epoch)
        assert (first, last) == (256 * epoch + 1, 256 * epoch + 255)
        assert last < identity.first_generation(epoch + 1)
        assert identity.epoch_of(first) == identity.epoch_of(last) == epoch


def test_the_last_epoch_has_room_for_its_generations():
    assert identity.last_generation(identity.MAX_EPOCH) == identity.MAX_GENERATION


def test_an_epoch_without_room_is_refused():
    error = raised(BadValue, identity.first_generation, identity.MAX_EPOCH + 1)
    assert error.value == 8388608
    raised(BadValue, identity.check_epoch, -1)
