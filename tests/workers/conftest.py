"""What the tests of workers may ask for."""

from tests.fixtures import analysed as analysed
from tests.fixtures import service as service
