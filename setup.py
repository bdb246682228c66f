"""The compiled scorer, which an installation does without where it cannot be built; all else is in pyproject.toml."""

import os
import sysconfig

from setuptools import Extension, setup

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # its C interface has no limited form yet
WINDOWS = os.name == "nt"

kernel = Extension(
    "stance._kernel",
    ["stance/_kernel.c"],
    py_limited_api=True,
    optional=True,
    libraries=[] if WINDOWS else ["m"],
    extra_compile_args=["/O2"]
    if WINDOWS
    # gnu11, not c11: where that computes with more digits than numbers have, vectors do not compile, and sums differ.
    else ["-O3", "-std=gnu11", "-fno-math-errno", "-ffp-contract=off", "-fvisibility=hidden"],
)

setup(
    ext_modules=[] if FREE_THREADED else [kernel],
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
