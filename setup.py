"""The compiled scorer, which an installation does without where it cannot be built, and the shipped model in its place.
All else is in pyproject.toml."""

import os
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

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

SHIPPED = [Path("models/default") / name for name in ("model.json", "weights.safetensors", "README.md")]


class BuildWithModel(build_py):
    """Puts the shipped model into the package, but for an editable install, which finds it where it is."""

    def _copies(self) -> dict[Path, str]:
        folder = Path(self.build_lib, "stance", "shipped")
        return {file: str(folder / file.relative_to("models")) for file in SHIPPED}

    def run(self) -> None:
        super().run()
        for file, copy in () if self.editable_mode else self._copies().items():
            self.mkpath(os.path.dirname(copy))
            self.copy_file(str(file), copy)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [*super().get_outputs(include_bytecode), *self._copies().values()]

    def get_output_mapping(self) -> dict[str, str]:  # a strict editable install links them
        return {**super().get_output_mapping(), **{copy: str(file) for file, copy in self._copies().items()}}

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), *map(str, SHIPPED)]


setup(
    cmdclass={"build_py": BuildWithModel},
    ext_modules=[] if FREE_THREADED else [kernel],
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
