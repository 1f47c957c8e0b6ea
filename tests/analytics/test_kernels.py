import importlib
import pkgutil

import pytest
from numba.core.dispatcher import Dispatcher

import analytics.kernels

MODULES = [module.name for module in pkgutil.iter_modules(analytics.kernels.__path__)]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("_")])
def test_every_kernel_is_compiled_by_one_of_two_decorators(name):
    module = importlib.import_module(f"analytics.kernels.{name}")
    kernels = [value for value in vars(module).values() if isinstance(value, Dispatcher)]
    assert kernels, f"{name} holds no kernel"
    for kernel in kernels:
        options = {
            key: value for key, value in kernel.targetoptions.items() if key != "boundscheck"
        }
        # of what is called fast, sums in any order alone: nothing that drops infinities or NaN
        assert options.pop("fastmath") in (False, {"reassoc", "nsz", "contract"})
        assert options == {"nopython": True, "error_model": "numpy", "nogil": True}
